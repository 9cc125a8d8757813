"""What a process does not import before somebody needs it."""

import subprocess
import sys
from pathlib import Path

import pytest

import appwrite_orm_django

ROOT = Path(appwrite_orm_django.__file__).parents[1]
PROGRAM = """
import sys
import appwrite_orm_django.backend.base
from appwrite_orm_django.client.transport import Transport
Transport("http://127.0.0.1:1/v1", "demo", "secret").call
print([name for name in {names} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "name", ["appwrite", "pydantic", "rich", "waitress", "django.db.migrations", "appwrite_orm_django.local"]
)
def test_the_backend_and_its_transport_do_without(name):
    program = PROGRAM.format(names=[name])
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_the_transport_has_the_methods_of_the_sdks_client():
    from appwrite_orm_django.client.transport import Transport

    transport = Transport("http://127.0.0.1:1/v1", "demo", "secret")
    assert transport.set_locale("de") is transport
    assert transport.get_headers()["x-appwrite-locale"] == "de"
    assert transport.get_config("project") == "demo"
    with pytest.raises(AttributeError):
        transport.set_colour("red")
    with pytest.raises(TypeError, match="speaks JSON"):
        transport.chunked_upload("/storage")
