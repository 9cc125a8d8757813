"""``manage.py demo`` in processes of their own: on the local server in memory, in a file, and over HTTP."""

import json
import socket

import pytest

from testproject.demo import preparing
from testproject.demo.pages import Page
from testproject.demo.serving import parse_addrport
from testproject.world import loading
from testproject.world.models import Country, Subdivision
from tests import real
from tests.e2e.processes import environment, manage, running

CATALOGUE = {
    "world_country": 249,
    "world_countryname": 184,
    "world_subdivisiontype": 109,
    "world_subdivision": 5046,
    "world_formercountry": 31,
    "world_currency": 178,
    "world_language": 7923,
    "world_script": 226,
}


def checked(*arguments, env):
    ended = manage("demo", "--check", *arguments, env=env)
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    return json.loads(line)


@pytest.fixture(
    params=["real"] if real.server() else ["memory", "file", "server", "postgresql", "mongodb"]
)
def endpoint(request, tmp_path):
    """The environment that leads to an Appwrite."""
    if request.param == "real":
        server = real.server()
        yield environment(
            tmp_path,
            APPWRITE_ENDPOINT=server.endpoint,
            APPWRITE_PROJECT_ID=server.project,
            APPWRITE_API_KEY=server.key,
            APPWRITE_DATABASE_ID=real.database_id("demo"),
        )
    elif request.param == "memory":
        yield environment(tmp_path, APPWRITE_ENDPOINT="local:")
    elif request.param == "file":
        yield environment(tmp_path)
    elif request.param in ("postgresql", "mongodb"):
        yield environment(tmp_path, APPWRITE_ENGINE=request.param)
    else:
        served = running(
            "appwrite_server", "--addrport", "127.0.0.1:0", "--project", "atlas", "--key", "atlas-key",
            env=environment(tmp_path), address=r"Endpoint (\S+),",
        )  # fmt: skip
        with served as url:
            yield environment(
                tmp_path,
                APPWRITE_ENDPOINT=url,
                APPWRITE_PROJECT_ID="atlas",
                APPWRITE_API_KEY="atlas-key",
                APPWRITE_DATABASE_ID="catalogue",
            )


def test_the_check_passes_with_all_rows(endpoint):
    result = checked(env=endpoint)
    assert result["rows"] == CATALOGUE
    assert result["created"] == sum(CATALOGUE.values())
    # One bulk request for 100 rows, one to see what is there already, and two for each picture.
    assert result["requests"]["load"] == 152 + 2 * CATALOGUE["world_country"]
    pages = {(visit["page"], visit["path"]): visit["requests"] for visit in result["pages"]}
    # The page and the names; the front page has counted them. Then the cache knows all of it.
    assert pages["list", "/countries/"] == 2
    assert pages["list again", "/countries/"] == 0
    assert pages["admin changelist", "/admin/world/subdivision/"] <= 6
    assert sum(pages.values()) < result["requests"]["total"]


def test_a_second_run_creates_nothing_and_leaves_edits_alone(tmp_path):
    env = environment(tmp_path)
    first = checked("--rows", "60", env=env)
    second = checked("--rows", "60", env=env)
    assert first["created"] > 300
    assert second["created"] == 0
    assert second["rows"] == first["rows"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"APPWRITE_ENDPOINT": "http://127.0.0.1:9/v1"},
            'the server in DATABASES["appwrite"]["HOST"] is running',
        ),
        (
            {"APPWRITE_ENDPOINT": "appwrite.example"},
            '(appwrite.E001) DATABASES["appwrite"]["HOST"] is',
        ),
        ({"APPWRITE_API_KEY": "a key\n"}, 'DATABASES["appwrite"]["PASSWORD"] contains characters'),
        ({"DJANGO_DEBUG": "0"}, "Set DJANGO_SECRET_KEY"),
    ],
)
def test_a_wrong_setting_ends_in_one_clear_error(tmp_path, settings, message):
    ended = manage("demo", "--check", env=environment(tmp_path, **settings))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert message in ended.stderr
    if settings.get("DJANGO_DEBUG") is None:
        assert "Traceback" not in ended.stderr


def test_a_wrong_key_is_told_and_not_shown(tmp_path):
    served = running(
        "appwrite_server", "--addrport", "127.0.0.1:0", "--project", "atlas", "--key", "right-key",
        env=environment(tmp_path), address=r"Endpoint (\S+),",
    )  # fmt: skip
    with served as url:
        env = environment(
            tmp_path,
            APPWRITE_ENDPOINT=url,
            APPWRITE_PROJECT_ID="atlas",
            APPWRITE_API_KEY="wrong-key-of-mine",
        )
        ended = manage("demo", "--check", env=env)
    assert ended.returncode == 1
    assert 'DATABASES["appwrite"]["PASSWORD"]' in ended.stderr
    assert "wrong-key-of-mine" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_told_before_anything_is_loaded(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = manage("demo", "--addrport", f"127.0.0.1:{port}", env=environment(tmp_path))
    assert ended.returncode == 1
    assert (
        f"127.0.0.1:{port}: Address already in use. Choose another address: "
        "make demo ADDRPORT=127.0.0.1:8001, or --addrport 127.0.0.1:8001." in ended.stderr
    )
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8000", ("127.0.0.1", 8000)),
        ("0", ("127.0.0.1", 0)),
        ("localhost:80", ("localhost", 80)),
        ("192.168.1.7:8000", ("192.168.1.7", 8000)),
        ("[::1]:8000", ("[::1]", 8000)),
    ],
)
def test_addresses(text, expected):
    assert parse_addrport(text) == expected


@pytest.mark.parametrize(
    "text", ["", "localhost", "localhost:", "8000:localhost", "99999", "1.5", "²"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"write 127\.0\.0\.1:8000, or the port alone"):
        parse_addrport(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1.2.3"])
def test_the_known_password_is_for_loopback_with_debug(settings, host):
    settings.DEBUG = True
    assert preparing.password_for(host) == "demo"
    settings.DEBUG = False
    assert preparing.password_for(host) != "demo"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "[::]", "example.org"])  # noqa: S104 - not bound, only asked about
def test_elsewhere_every_start_draws_a_password(settings, host):
    settings.DEBUG = True
    assert len({preparing.password_for(host), preparing.password_for(host), "demo"}) == 3


@pytest.mark.django_db
def test_a_new_password_replaces_the_old_one(django_user_model):
    preparing.set_login("demo")
    preparing.set_login("drawn")
    user = django_user_model.objects.get()
    assert user.is_superuser
    assert (user.check_password("drawn"), user.check_password("demo")) == (True, False)


@pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
def test_loading_adds_what_is_missing_and_keeps_what_is_there():
    assert sum(loading.load(rows=60).values()) > 300
    Country.objects.filter(pk="AF").update(name="Edited")
    Subdivision.objects.filter(pk="AD-02").delete()
    created = loading.load(rows=60)
    assert {table: count for table, count in created.items() if count} == {"world_subdivision": 1}
    assert Country.objects.get(pk="AF").name == "Edited"


@pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
@pytest.mark.parametrize("rows", [1, 20, 400])
def test_a_part_of_the_catalogue_has_no_loose_ends(rows):
    loading.load(rows=rows)
    counts = loading.counts()
    assert (counts["world_country"], counts["world_language"]) == (min(rows, 249), rows)
    assert all(count <= rows for table, count in counts.items() if table != "world_countryname")
    for subdivision in Subdivision.objects.prefetch_related("country", "type", "parent"):
        assert subdivision.country
        assert subdivision.type
        assert not subdivision.parent_id or subdivision.parent


def test_a_page_is_read_for_its_tables_items_and_links():
    page = Page(
        '<table><tbody><tr><td>no id</td></tr></tbody></table><table id="rows"><thead><tr><th>Head</th></tr></thead><tbody>'
        '<tr><th>A <b>b</b></th><td><a href="/c/">C</a></td></tr><tr><td></td></tr></tbody></table>'
        '<ul class="columns"><li>1</li><li>2</li></ul><ul><li>3</li></ul>'
    )
    assert page.tables == {"rows": [["A b", "C"], [""]]}
    assert page.links == {"C": "/c/"}
    assert page.items == 2
