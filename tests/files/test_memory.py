"""A file of 200 MB goes up and comes down in little memory, over HTTP and within the process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from appwrite_local.server import LocalServer
from appwrite_local.wsgi import running_http_server

MIB = 1024 * 1024
SIZE = 200 * 1000 * 1000
#: Beyond what the process takes before, with everything imported.
MOST = 64 * MIB

PROGRAM = """
import hashlib, json, sys
host, path = sys.argv[1:]
from django.conf import settings
settings.configure(DATABASES={"default": {
    "ENGINE": "appwrite_orm_django.backend", "HOST": host, "USER": "demo", "PASSWORD": "secret", "NAME": "d",
}}, INSTALLED_APPS=["appwrite_orm_django"])
import django
django.setup()
from django.core.files import File
from django.core.files.base import ContentFile
from appwrite_orm_django.files import buckets
from appwrite_orm_django.storage import AppwriteStorage

storage = AppwriteStorage(BUCKET="media")
for step in buckets.plan_buckets(storage.transport, [storage.settings]).steps:
    step.run(storage.transport)
# What the first request imports counts as imported.
storage.open(storage.save("warm", ContentFile(b"x" * 1000))).read()

def peak():
    # Not ru_maxrss, which a process inherits from the one that has started it.
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

before = peak()
with open(path, "rb") as file:
    name = storage.save("big.bin", File(file))
uploaded = peak()
digest, size = hashlib.sha256(), 0
for chunk in storage.open(name).chunks():
    digest.update(chunk)
    size += len(chunk)
print(json.dumps([uploaded - before, peak() - before, size, digest.hexdigest()]))
"""


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big.bin"
    block = bytes(range(256)) * 4096
    with path.open("wb") as file:
        for number in range(SIZE // len(block) + 1):
            file.write((number.to_bytes(8, "big") + block[8:])[: SIZE - file.tell()])
    return path


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
@pytest.mark.local_only("needs a server that takes 200 MB")
@pytest.mark.parametrize("where", ["http", "in the process"])
def test_200_mb_take_little_memory(big_file: Path, tmp_path: Path, where: str) -> None:
    storage = tmp_path / "dev.sqlite3"
    if where == "http":
        server = LocalServer(str(storage), max_file_bytes=2 * SIZE)
        with running_http_server(server) as endpoint:
            grown = run(endpoint, big_file)
        server.close()
    else:
        grown = run(f"local:{storage}?max-file-size={2 * SIZE}", big_file)
    uploading, downloading, size, digest = grown
    whole = hashlib.sha256()
    with big_file.open("rb") as file:
        while block := file.read(MIB):
            whole.update(block)
    assert (size, digest) == (SIZE, whole.hexdigest())
    assert uploading < MOST
    assert downloading < MOST


def run(host: str, path: Path) -> tuple[int, int, int, str]:
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM, host, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert made.returncode == 0, made.stderr
    return tuple(json.loads(made.stdout))
