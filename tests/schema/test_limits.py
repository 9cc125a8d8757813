from __future__ import annotations

import pytest

from appwrite_orm_django.schema.definitions import Column, Index, Table
from appwrite_orm_django.schema.errors import SchemaTooLarge
from appwrite_orm_django.schema.limits import check_table, row_bytes


@pytest.mark.parametrize(
    ("column", "used"),
    [
        # bytesUsed of recordings base-inline and columns-limits
        (Column("a", "string", 20), 1148),
        (Column("a", "varchar", 20), 1148),
        (Column("a", "text"), 1087),
        (Column("a", "longtext"), 1087),
        (Column("a", "integer", min=0, max=5), 1071),
        (Column("a", "integer"), 1075),
        (Column("a", "bigint"), 1075),
        (Column("a", "double"), 1075),
        (Column("a", "boolean"), 1068),
        (Column("a", "datetime"), 1074),
        (Column("a", "email"), 2084),
        (Column("a", "url"), 9069),
        (Column("a", "ip"), 1224),
        (Column("a", "enum", elements=("x", "y")), 2088),
        (Column("a", "point"), 1092),
        (Column("a", "linestring"), 1087),
        (Column("a", "polygon"), 1087),
        (Column("a", "varchar", 5, array=True), 1087),
    ],
    ids=str,
)
def test_width(column, used):
    assert row_bytes([column]) == used


def test_the_widest_row():
    """As in recording columns-limits: beside a varchar(16000) and a varchar(116) there is no room for a boolean."""
    columns = (Column("a", "varchar", 16_000), Column("b", "varchar", 116))
    assert row_bytes(columns) == 65_534
    check_table(Table("t", columns=columns))
    with pytest.raises(
        SchemaTooLarge, match="t: a row would be 65,535 bytes wide; Appwrite allows 65,534"
    ):
        check_table(Table("t", columns=(*columns, Column("c", "boolean"))))


def test_too_many_indexes():
    indexes = tuple(Index(f"i{n}", "key", ("a",)) for n in range(59))
    check_table(Table("t", indexes=indexes[:58]))
    with pytest.raises(SchemaTooLarge, match="t: 59 indexes; Appwrite allows 58"):
        check_table(Table("t", indexes=indexes))
