"""What the system checks find, in settings, in models and on the server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core import checks
from django.core.checks.registry import registry
from django.db import connections, models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Length, Lower, Now
from django.test import modify_settings, override_settings
from django.test.utils import isolate_apps

from appwrite_local.adapter import LocalAdapter, local_session
from appwrite_local.server import LocalServer
from appwrite_orm_django import fields
from appwrite_orm_django import models as appwrite_models
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.checks import cache, databases, files, migrations, security
from appwrite_orm_django.checks import models as ours
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.documentation import address
from appwrite_orm_django.fields import ArrayField, EnumField, PermissionsField
from appwrite_orm_django.indexes import AppwriteIndex
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.from_models import models_of, read_models
from appwrite_orm_django.schema.own_tables import with_own_tables
from tests.library.models import Book
from tests.schema.conftest import a_server, connect, migrate

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "checks.md"
ENTRY = {"ENGINE": "appwrite_orm_django.backend", "HOST": "local:", "NAME": "shop"}


def ids(messages):
    return [message.id.removeprefix("appwrite.") for message in messages]


def settings_messages(**entry):
    return list(databases._check_entry("shop", {**ENTRY, **entry}))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, []),
        ({"HOST": "https://example.org/v1", "USER": "p", "PASSWORD": "k"}, []),
        ({"HOST": "https://example.org/v1"}, ["E001", "E001"]),
        ({"HOST": "https://example.org", "USER": "p", "PASSWORD": "k"}, ["W002"]),
        ({"HOST": "example.org/v1", "USER": "p", "PASSWORD": "k"}, ["E001"]),
        ({"HOST": ""}, ["E001", "E001", "E001"]),
        ({"HOST": "local:?feature=2"}, ["E001"]),
        ({"HOST": "local:/no/such/directory/dev.sqlite3"}, ["E001"]),
        ({"HOST": "local:?feature-level=2.x"}, []),
        ({"NAME": ""}, ["E001"]),
        ({"NAME": "x" * 36}, []),
        ({"NAME": "x" * 37}, ["E001"]),
        ({"OPTIONS": {"PAGE_SIZE": 0}}, ["E002"]),
        ({"OPTIONS": {"PAGE_SISE": 5}}, ["E002"]),
        ({"OPTIONS": {"CACHE": {"TIMEOUTT": 5}}}, []),
    ],
)
def test_settings(entry, expected):
    assert ids(settings_messages(**entry)) == expected


def test_a_password_is_never_shown():
    for message in settings_messages(PASSWORD="sesame", HOST="nonsense", NAME="-"):
        assert "sesame" not in str(message)


def make(base=AppwriteModel, meta=None, **attributes):
    with isolate_apps("tests.library"):
        Meta = type("Meta", (), {"app_label": "library", **(meta or {})})
        return type("Thing", (base,), {"__module__": __name__, "Meta": Meta, **attributes})


def wide(number):
    return {f"c{n}": models.CharField(max_length=1600) for n in range(number)}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"a": models.CharField(max_length=9)}, []),
        ({"a": models.IntegerField(null=True, db_default=models.F("b")), "b": models.DecimalField()}, ["E003", "E003"]),
        ({"a": models.IntegerField(db_default=RawSQL("nowhere()", ()))}, ["E003"]),
        ({"a": models.IntegerField(db_default=1)}, []),
        ({"a": models.IntegerField(null=True, db_default=1), "b": models.DateTimeField(db_default=Now())}, ["W005", "W005"]),
        ({"id": models.CharField(max_length=9, primary_key=True, db_default="x")}, []),
        ({"meta": {"constraints": [models.UniqueConstraint(Lower("a"), name="u")]}, "a": models.SlugField()}, []),
            ({"meta": {"constraints": [models.UniqueConstraint(Now(), name="u"), models.CheckConstraint(condition=models.Q(a=1), name="v")]}, "a": models.IntegerField()}, ["W004", "W004"]),
        ({"meta": {"indexes": [models.Index(fields=["a"], name="i")]}, "a": ArrayField(models.IntegerField())}, ["E004"]),
        (wide(10), []),
        (wide(11), ["E005"]),
        ({"a": models.CharField(max_length=768, unique=True)}, []),
        ({"a": models.CharField(max_length=769, unique=True)}, []),
            ({"a": models.CharField(max_length=769), "meta": {"indexes": [AppwriteIndex(fields=["a"], name="i", type="unique")]}}, ["E005"]),
        ({"a": models.IntegerField(), "b": models.IntegerField(db_column="A")}, ["E006"]),
        ({"appwrite_permissions": ('read("any")', 'write("team:staff/owner")', 'create("users/verified")')}, []),
        ({"appwrite_permissions": 'read("any")'}, ["E009"] * 11),
        ({"appwrite_permissions": ("read(any)", 'see("any")')}, ["E009", "E009"]),
        ({"p": PermissionsField()}, ["W001"]),
        ({"p": PermissionsField(), "appwrite_row_security": True}, []),
        ({"a": models.DecimalField(max_digits=18, decimal_places=2)}, []),
        ({"a": models.DecimalField(max_digits=19, decimal_places=2)}, ["W003"]),
        ({"meta": {"indexes": [models.Index(Length("a"), name="i")]}, "a": models.SlugField()}, ["W004"]),
    ],
)  # fmt: skip
def test_models(model, expected):
    assert ids(ours.check_model(make(**model))) == expected


def test_a_message_tells_what_and_a_hint_the_way_out():
    model = make(a=models.DecimalField())
    (message,) = ours.check_model(model)
    assert message.msg == "library.Thing.a: Appwrite needs a maximum length for decimals."
    see = address("reference/checks", "appwrite-e003")
    assert message.hint == f"set max_digits and decimal_places. See {see}"
    assert message.obj is model._meta.get_field("a")


def test_a_default_that_only_django_writes_says_why():
    model = make(
        a=models.IntegerField(null=True, db_default=1), b=models.DateTimeField(db_default=Now())
    )
    assert [message.msg for message in ours.check_model(model)] == [
        "Only rows that Django creates get this db_default: Appwrite would put it in the place of every null.",
        "Only rows that Django creates get this db_default: Appwrite evaluates no expressions.",
    ]
    (message,) = ours.check_model(make(a=models.IntegerField(db_default=RawSQL("nowhere()", ()))))
    assert message.msg == "db_default cannot be evaluated: no such function: nowhere."


@pytest.mark.parametrize(
    ("meta", "django"),
    [
        (
            {"constraints": [models.CheckConstraint(condition=models.Q(a="x"), name="c")]},
            "models.W027",
        ),
        (
            {
                "constraints": [
                    models.UniqueConstraint(
                        fields=["a"], deferrable=models.Deferrable.DEFERRED, name="c"
                    )
                ]
            },
            "models.W038",
        ),
        ({"indexes": [models.Index(Length("a"), name="i")]}, None),
        ({"indexes": [models.Index(fields=["a"], condition=models.Q(a="x"), name="i")]}, None),
    ],
    ids=["check", "deferrable", "expression", "condition"],
)
@pytest.mark.parametrize("databases", [None, ["default"], ["appwrite"]])
def test_what_appwrite_leaves_out_is_said_once(monkeypatch, meta, django, databases):
    """
    By Django where it looks at the database, and by us elsewhere.

    Django believes that there are such indexes, as a database that enforces such unique constraints has them.
    """
    model = make(meta=meta, a=models.SlugField())
    monkeypatch.setattr(ours, "models_of", lambda _alias: [model])
    found = [
        message.id
        for message in (
            *model.check(databases=databases),
            *ours.check_models(None, databases=databases),
        )
    ]
    expected = django if django and databases == ["appwrite"] else "appwrite.W004"
    assert [id_ for id_ in found if id_ in {django, "appwrite.W004"}] == [expected]


def test_our_fields():
    assert ids(make(a=EnumField()).check()) == ["E011"]
    assert "E010" in ids(make(a=ArrayField(ArrayField(models.IntegerField()))).check())


def test_two_models_with_one_table():
    one, two = make(meta={"db_table": "thing"}), make(meta={"db_table": "Thing"})
    assert ids(ours._check_table_ids([one, two])) == ["E006"]


def test_a_missing_router():
    assert ours.check_routing([apps.get_app_config("world"), apps.get_app_config("library")]) == []
    with override_settings(DATABASE_ROUTERS=[]):
        messages = ours.check_routing([apps.get_app_config("world")])
    assert ids(messages) == ["E007"] * 8
    assert "DATABASE_ROUTERS" in messages[0].hint
    model = make(appwrite_database="nope")
    with override_settings(DATABASE_ROUTERS=["appwrite_orm_django.routers.AppwriteRouter"]):
        (message,) = ours._check_route(model)
    assert '"nope" name an alias in DATABASES' in message.hint


def relations(base, **fields):
    model = make(base, **fields)
    return [
        message
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many)
        if field.is_relation
        for message in ours._check_relation(model, field)
    ]


@override_settings(DATABASE_ROUTERS=["appwrite_orm_django.routers.AppwriteRouter"])
def test_relations_across_databases():
    to_user = {"related_name": "+", "db_constraint": False}
    assert relations(AppwriteModel, f=models.ForeignKey(User, models.DO_NOTHING, **to_user)) == []
    assert (
        relations(AppwriteModel, f=models.ForeignKey(Book, models.CASCADE, related_name="+")) == []
    )
    assert ids(relations(AppwriteModel, f=models.ForeignKey(User, models.CASCADE, **to_user))) == [
        "E008"
    ]
    assert ids(relations(AppwriteModel, f=models.ManyToManyField(User, related_name="+"))) == [
        "E008"
    ]
    to_book = {"on_delete": models.DO_NOTHING, "related_name": "+"}
    assert ids(relations(models.Model, f=models.ForeignKey(Book, **to_book))) == ["E008"]
    assert relations(models.Model, f=models.ForeignKey(Book, db_constraint=False, **to_book)) == []


def test_the_library_has_what_it_has():
    assert ids(ours.check_models([apps.get_app_config("library")])) == ["W003", "W001"]
    assert ours.check_models([apps.get_app_config("world")]) == []
    assert ours.check_relations(None) == []


# From Django 6.1 on checks of models ask every database what it can do; SQLite is asked in SQL.
@pytest.mark.django_db(databases=["default", *settings.TWINS.values()])
def test_no_check_asks_a_server_on_its_own(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a request")

    monkeypatch.setattr(Transport, "call", refuse)
    checks.run_checks()
    checks.run_checks(databases=["default"])
    assert databases.check_drift(None) == []
    with pytest.raises(AssertionError, match="a request"):
        checks.run_checks(databases=["appwrite"])


def test_all_are_registered():
    registered = {check.__name__: check for check in registry.registered_checks}
    assert checks.Tags.database in registered["databases.check_drift"].tags
    deployment = {check.__name__ for check in registry.deployment_checks}
    assert {"cache.check_deployment", "security.check_deployment"} <= deployment
    for module in (cache, databases, files, ours, security):
        names = {
            name for name in getattr(module, "__all__", vars(module)) if name.startswith("check_")
        }
        own = {f"{module.__name__.rpartition('.')[2]}.{name}" for name in names}
        assert own
        assert own <= registered.keys() | deployment


def test_what_is_registered_runs():
    """They are registered by name: a wrong one would show only when checks run."""
    for check in (*registry.registered_checks, *registry.deployment_checks):
        module = check.__name__.partition(".")[0]
        if module in ("cache", "databases", "files", "models", "security"):
            assert isinstance(list(check(app_configs=None, databases=[])), list)


@pytest.fixture
def live(behind_alias):
    return behind_alias(connect(a_server()))


def test_drift(live):
    (message,) = databases.check_drift(None, databases=["default", "appwrite"])
    assert message.id == "appwrite.W010"
    assert message.msg.startswith(
        '"appwrite" does not match the models: + database library; + table library_country; '
    )
    engine = connections["appwrite"].engine
    wanted = with_own_tables(read_models("library", models_of("appwrite"), engine=engine))
    migrate(live, wanted, hidden=HiddenValues(connections["appwrite"]))
    assert databases.check_drift(None, databases=["appwrite"]) == []
    from appwrite_orm_django.client.references import TableRef
    from tests.settled import columns

    columns.create_column(
        live, TableRef("library", "library_tag"), "integer", "extra", required=False
    )
    messages = databases.check_drift(None, databases=["appwrite"])
    assert ids(messages) == ["W012"]
    assert "column library_tag.extra integer" in messages[0].msg
    assert ids(databases.check_drift([apps.get_app_config("library")], databases=["appwrite"])) == [
        "W012"
    ]
    assert databases.check_drift([apps.get_app_config("world")], databases=["appwrite"]) == []


def test_drift_that_cannot_be_seen(monkeypatch):
    transport = Transport("http://local.invalid/v1", "demo", "wrong")
    transport._pool.session.mount("http://", LocalAdapter(LocalServer()))
    monkeypatch.setattr(type(connections["appwrite"]), "transport", transport)
    (message,) = databases.check_drift(None, databases=["appwrite"])
    assert message.id == "appwrite.W011"
    assert "it belongs to the project in DATABASES[...]" in message.msg
    assert "scopes" not in message.hint
    transport.close()


def test_drift_that_the_key_may_not_see(monkeypatch):
    server = LocalServer()
    with local_session(
        server, {"X-Appwrite-Project": "demo", "X-Appwrite-Key": "secret"}
    ) as client:
        made = client.post(
            "http://local.invalid/v1/project/keys",
            json={"keyId": "k", "name": "k", "scopes": ["rows.read"]},
        )
    transport = Transport("http://local.invalid/v1", "demo", made.json()["secret"])
    transport._pool.session.mount("http://", LocalAdapter(server))
    monkeypatch.setattr(type(connections["appwrite"]), "transport", transport)
    (message,) = databases.check_drift(None, databases=["appwrite"])
    assert message.id == "appwrite.W011"
    assert '(["tables.read","collections.read"])' in message.msg
    assert (
        "appwrite_migrate need read and write of databases, tables, columns, indexes and rows"
        in message.msg
    )
    assert "indexes.read" in message.hint
    transport.close()


def test_models_without_the_app():
    without = [name for name in settings.INSTALLED_APPS if name != "appwrite_orm_django"]
    model = make(a=models.SlugField())
    assert ids(model.check()) == []
    with modify_settings(INSTALLED_APPS={"remove": "appwrite_orm_django"}):
        assert list(settings.INSTALLED_APPS) == without
        (message,) = model.check()
    assert message.id == "appwrite.E014"
    assert "not in INSTALLED_APPS" in message.msg


def test_every_id_has_its_place_in_the_documentation():
    paths = (
        databases.__file__,
        files.__file__,
        migrations.__file__,
        ours.__file__,
        security.__file__,
        fields.__file__,
        appwrite_models.__file__,
    )
    source = "".join(Path(path).read_text() for path in paths)
    used = {
        *(f"e{int(n):03}" for n in re.findall(r"\b_?(?:error|from_error)\(\s*(\d+)", source)),
        *(f"w{int(n):03}" for n in re.findall(r"\b_?warning\(\s*(\d+)", source)),
        *(n.lower() for n in re.findall(r'id="appwrite\.([EW]\d{3})"', source)),
    }
    documented = set(re.findall(r'^<a id="appwrite-(\w+)"></a>$', DOCS.read_text(), re.MULTILINE))
    assert used == documented
    assert len(used) == 39
