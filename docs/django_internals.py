"""Write ``docs/explanation/django-internals.md`` from the library's list: ``python -m docs.django_internals``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from appwrite_orm_django.backend.django_internals import INTERNALS, TESTED, Internal

PAGE = Path(__file__).parent / "explanation" / "django-internals.md"
HEAD = """# Django internals that the library uses

A database backend is made of Django's own classes, and Django documents only some of them. The names below are not in its reference, so
a release may change them without notice: look at them first when a new Django comes out. The page is made from
`appwrite_orm_django/backend/django_internals.py`; a test compares the list with the code and imports every name.

The library was tested with Django {oldest} to {newest}, and refuses to start on others.
"""


def table(internals: Iterable[Internal]) -> Iterator[str]:
    """Yield the lines of a table of names."""
    yield "| Name | Private attributes | Used for |"
    yield "|---|---|---|"
    for each in internals:
        private = ", ".join(f"`{name}`" for name in each.private)
        yield f"| `{each.name}` | {private} | {each.reason} |"


def page() -> str:
    """Return the page as Markdown."""
    oldest, newest = (".".join(map(str, version)) for version in TESTED)
    parts = [HEAD.format(oldest=oldest, newest=newest)]
    for room, internals in INTERNALS.items():
        parts.append("\n".join([f"## {room}", "", *table(internals), ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
