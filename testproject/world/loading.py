"""From pycountry's ISO tables to rows: what is missing is created, what is there stays as it is, edits included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pycountry
from django.db.models import Model
from django.utils.text import slugify

from testproject.world.models import (
    Country,
    CountryName,
    Currency,
    FormerCountry,
    Language,
    Script,
    Subdivision,
    SubdivisionType,
)
from testproject.world.pictures import drawn

#: Every table of the catalogue, those that others point to first.
MODELS: tuple[type[Model], ...] = (
    Country, CountryName, SubdivisionType, Subdivision, FormerCountry, Currency, Language, Script,
)  # fmt: skip

#: An Appwrite row id has at most 36 characters.
_ID_LENGTH = 36


def load(
    *, rows: int | None = None, report: Callable[[str, int, int], None] | None = None
) -> dict[str, int]:
    """
    Create the rows of all tables that do not exist yet.

    Args:
        rows: at most this many of each table, chosen so that every relation still leads to a row;
            left out, all.
        report: called after each table with its name, the rows created and the rows it is to hold.

    Returns:
        Table name to the number of rows created.
    """
    created: dict[str, int] = {}
    for model, instances in _catalogue(rows).items():
        table = model._meta.db_table
        created[table] = _create_missing(model, instances)
        if report is not None:
            report(table, created[table], len(instances))
    return created


def _create_missing(model: type[Model], instances: list[Any]) -> int:
    # Appwrite takes "fr" and "FR" for one row id.
    present = {str(pk).lower() for pk in model._default_manager.values_list("pk", flat=True)}
    missing = [instance for instance in instances if instance.pk.lower() not in present]
    if model is Country:
        for country in missing:
            country.picture = drawn(country)
    model._default_manager.bulk_create(missing)
    return len(missing)


def _catalogue(rows: int | None) -> dict[type[Model], list[Any]]:
    """Return the rows of every table, those that others point to first."""
    countries = list(pycountry.countries)[:rows]
    subdivisions = list(_subdivisions({country.alpha_2 for country in countries}, rows))
    type_names = sorted({subdivision.type for subdivision in subdivisions})
    return {
        Country: [
            Country(**_fields(country, "alpha_2", "alpha_3", "numeric", "name"))
            for country in countries
        ],
        CountryName: [name for country in countries for name in _names(country)],
        SubdivisionType: [SubdivisionType(slug=_type_slug(name), name=name) for name in type_names],
        Subdivision: [_subdivision(one) for one in subdivisions],
        FormerCountry: [_former_country(one) for one in list(pycountry.historic_countries)[:rows]],
        Currency: [
            Currency(**_fields(one, "alpha_3", "numeric", "name"))
            for one in list(pycountry.currencies)[:rows]
        ],
        Language: [_language(one) for one in list(pycountry.languages)[:rows]],
        Script: [
            Script(**_fields(one, "alpha_4", "numeric", "name"))
            for one in list(pycountry.scripts)[:rows]
        ],
    }


def _fields(entry: Any, *names: str) -> dict[str, str]:
    """Return what an entry holds under these names; what it lacks is empty text."""
    return {name: getattr(entry, name, None) or "" for name in names}


def _names(country: Any) -> Iterator[CountryName]:
    for kind in CountryName.Kind:
        name = getattr(country, f"{kind.value}_name", None)
        if name:
            # An id that can be told beforehand, so that a second run finds the row.
            yield CountryName(
                id=f"{country.alpha_2}-{kind.value}",
                country_id=country.alpha_2,
                kind=kind,
                name=name,
            )


def _subdivisions(country_codes: set[str], rows: int | None) -> Iterator[Any]:
    """Yield subdivisions of these countries; one whose parent was left out is left out as well."""
    entries = sorted(
        (entry for entry in pycountry.subdivisions if entry.country_code in country_codes),
        key=lambda one: one.code,
    )
    if rows is None:
        yield from entries
        return
    taken: set[str] = set()
    for entry in [
        *(e for e in entries if not e.parent_code),
        *(e for e in entries if e.parent_code),
    ]:
        if len(taken) == rows:
            return
        if not entry.parent_code or entry.parent_code in taken:
            taken.add(entry.code)
            yield entry


def _subdivision(entry: Any) -> Subdivision:
    return Subdivision(
        code=entry.code,
        name=entry.name,
        country_id=entry.country_code,
        type_id=_type_slug(entry.type),
        parent_id=entry.parent_code or None,
    )


def _type_slug(name: str) -> str:
    return slugify(name)[:_ID_LENGTH].rstrip("-")


def _former_country(entry: Any) -> FormerCountry:
    return FormerCountry(
        withdrawn=entry.withdrawal_date,
        **_fields(entry, "alpha_4", "alpha_2", "alpha_3", "numeric", "name", "comment"),
    )


def _language(entry: Any) -> Language:
    return Language(
        alpha_2=getattr(entry, "alpha_2", None),
        **_fields(
            entry,
            "alpha_3",
            "bibliographic",
            "name",
            "inverted_name",
            "common_name",
            "scope",
            "type",
        ),
    )


def counts() -> dict[str, int]:
    """Return table name to number of rows."""
    return {model._meta.db_table: model._default_manager.count() for model in MODELS}
