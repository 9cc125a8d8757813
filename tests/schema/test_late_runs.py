"""Two runs of one migration at once: the late one finds everything done, at whichever of its requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from tests import real
from tests.schema.conftest import Options, connect, migrate, plan_for

pytestmark = pytest.mark.skipif(
    bool(real.server()), reason="the other run begins within a request to the local server"
)

REF = TableRef("shop", "product")
TEXT = Column("c", "varchar", 10)
NUMBER = Column("c", "integer")
OTHER = Column("other", "boolean")
AT = Column("c", "datetime")
INDEX = Index("by_c", "key", ("c",))
MOVED = Options(renames={("product", "d"): "c"})
PRUNED = Options(prune=True)


def shop(*columns, indexes=()):
    return Database("shop", (Table("product", "Product", (*columns, OTHER), tuple(indexes)),))


def run_late(server, number, run):
    """Run, and all of it once more before the request of this number; return whether there was one."""
    transport, seen, handle = connect(server), 0, type(server).handle

    def handling(request):
        nonlocal seen
        seen += 1
        if seen == number:
            del server.handle
            run(connect(server))
        return handle(server, request)

    server.handle = handling
    try:
        run(transport)
    finally:
        vars(server).pop("handle", None)
    return seen >= number


CHANGES = {
    "another type": (shop(TEXT), shop(NUMBER), None, {"c": "7"}, {"c": 7}),
    "another type, and back": (shop(NUMBER), shop(TEXT), None, {"c": 7}, {"c": "7"}),
    "another type, with an index": (
        shop(TEXT, indexes=[INDEX]),
        shop(NUMBER, indexes=[INDEX]),
        None,
        {"c": "7"},
        {"c": 7},
    ),
    "another type, required": (
        shop(TEXT),
        shop(replace(NUMBER, required=True)),
        None,
        {"c": "7"},
        {"c": 7},
    ),
    "renamed": (shop(TEXT), shop(replace(TEXT, key="d")), MOVED, {"c": "x"}, {"d": "x"}),
    "renamed, a datetime": (
        shop(AT, indexes=[INDEX]),
        shop(replace(AT, key="d"), indexes=[replace(INDEX, columns=("d",))]),
        MOVED,
        {"c": "2024-01-01T00:00:00.000+00:00"},
        {"d": "2024-01-01T00:00:00.000+00:00"},
    ),
    "renamed, with an index": (
        shop(TEXT, indexes=[INDEX]),
        shop(replace(TEXT, key="d"), indexes=[replace(INDEX, columns=("d",))]),
        MOVED,
        {"c": "x"},
        {"d": "x"},
    ),
    "longer, with an index": (
        shop(TEXT, indexes=[INDEX]),
        shop(replace(TEXT, size=20), indexes=[INDEX]),
        None,
        {"c": "x"},
        {"c": "x"},
    ),
    "longer": (shop(TEXT), shop(replace(TEXT, size=20)), None, {"c": "x"}, {"c": "x"}),
    "new, with a value": (shop(), shop(replace(NUMBER, fill=5)), None, {"other": True}, {"c": 5}),
    "new, required": (
        shop(),
        shop(replace(NUMBER, required=True, fill=5)),
        None,
        {"other": True},
        {"c": 5},
    ),
    "dropped": (shop(TEXT), shop(), PRUNED, {"c": "x"}, {}),
    "unique": (
        shop(TEXT),
        shop(TEXT, indexes=[Index("u", "unique", ("c",))]),
        None,
        {"c": "x"},
        {"c": "x"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_late_run_finds_everything_done(make_server, change):
    before, after, options, given, expected = CHANGES[change]
    number, met, failed = 0, True, []
    while met:
        number += 1
        server = make_server()
        transport = connect(server)
        migrate(transport, before)
        rows.create_row(transport, REF, "r", given)

        def run(run_transport):
            migrate(run_transport, after, options, deadline_s=0.0)

        try:
            met = run_late(server, number, run)
        except Exception as error:  # noqa: BLE001  # all are shown at the end
            failed.append(f"{number}: {type(error).__name__}: {error}")
        transport = connect(server)
        assert plan_for(transport, after, options).steps == (), number
        row = rows.get_row(transport, REF, "r")
        assert {key: row[key] for key in expected} == expected, number
    assert not failed, "\n".join(failed)
