"""Write the table of ``docs/explanation/engines.md`` from the engines' rules: ``python -m docs.engines``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from appwrite_orm_django.engines import ENGINES, Engine

PAGE = Path(__file__).parent / "explanation" / "engines.md"
BEGIN, END = "<!-- table: python -m docs.engines -->\n", "<!-- end of the table -->\n"

ROWS: list[tuple[str, Callable[[Engine], str]]] = [
    (
        "`exact`, `in`, `distinct()`, groups",
        lambda e: "case, accents and trailing blanks do not count" if e.folds_text else "exact",
    ),
    (
        "Order of text, `lt`, `range`, `Min`",
        lambda e: (
            "without case and accents"
            if e.folds_text
            else "by the locale: letters, then accents, then case"
            if e.orders_by_locale
            else "by code point: `Z` before `a`"
        ),
    ),
    (
        "`icontains`, `istartswith`, `iendswith`",
        lambda e: "without case" + (" and accents" if e.folds_text else ""),
    ),
    ("`contains`, `startswith`, `endswith`", lambda _: "exact"),
    (
        "Patterns that the server answers",
        lambda e: (
            "all but those with a backslash"
            if e.anchors_prefixes
            else "`icontains`; for the others it narrows the rows"
        ),
    ),
    (
        "Nulls in ascending order",
        lambda e: "first" if e.nulls_are_low else "last",
    ),
    ("Two row ids that differ in case only", lambda _: "exclude each other"),
    (
        "`get(pk=...)` by another spelling",
        lambda e: "finds the row" if e.finds_ids_without_case else "`DoesNotExist`",
    ),
    (
        "Integer keys below zero",
        lambda e: "yes" if e.orders_negative_keys else "refused: they would have no order",
    ),
    ("Text with U+0000", lambda e: "refused: it would be cut" if e.cuts_at_nul else "refused"),
    (
        "Text that looks like an operator of Appwrite",
        lambda e: (
            "yes" if e.keeps_operator_text else "new rows only, outside `atomic`; else refused"
        ),
    ),
    (
        "Unique fields",
        lambda e: (
            "unique indexes"
            if e.unique_types is None
            else "unique indexes for text; hidden columns for all other types"
        ),
    ),
    (
        '`AppwriteIndex(type="unique")`',
        lambda e: "enforced" if e.unique_types is None else "for text; refused for all other types",
    ),
    (
        "Its `lengths`",
        lambda e: "count" if e.cuts_unique_values else "have no effect, with a note",
    ),
    (
        '`update(n=F("n") + 1)`',
        lambda e: (
            "a transaction"
            if e.increments_nulls
            else f"one request up to {'64 bits' if e.adds_integers else '2<sup>53</sup>'}"
        ),
    ),
    (
        "Rename or resize a field",
        lambda e: (
            "in place" if e.alters_indexed_tables else "all indexes of its table are created again"
        ),
    ),
    (
        "Rename a `DateTimeField`",
        lambda e: "as others" if e.renames_datetimes else "a new column, and the values copied",
    ),
    (
        "Two indexes over the same fields in another order",
        lambda e: "both" if e.takes_identical_indexes else "one, with a note",
    ),
    ("Longest index", lambda e: f"{e.max_index_length:,} characters"),
    (
        "Widest row",
        lambda e: "no limit" if e.max_row_bytes is None else f"{e.max_row_bytes:,} bytes",
    ),
    (
        "Two writes of a row at the same moment",
        lambda e: (
            "one may lose and is [retried](transactions.md#on-mongodb)"
            if e.race_is_server_error
            else "one waits"
        ),
    ),
]


def table() -> str:
    """Return the table as Markdown."""
    lines = [f"| | {' | '.join(engine.label for engine in ENGINES.values())} |", "|---" * 4 + "|"]
    lines += (
        f"| {what} | {' | '.join(rule(engine) for engine in ENGINES.values())} |"
        for what, rule in ROWS
    )
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Return a page with its table made anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{table()}{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
