"""Write ``docs/reference/assumptions.md`` from the doctor's list: ``python -m docs.assumptions``."""

from __future__ import annotations

from pathlib import Path

from appwrite_orm_django.doctor.assumptions import ASSUMPTIONS, TEXT_RULES, Assumption, Server
from appwrite_orm_django.engines import ENGINES

PAGE = Path(__file__).parent / "reference" / "assumptions.md"
HEAD = """# Assumptions about the server

The library relies on these answers of the server. `manage.py appwrite_doctor` asks each question of
the server behind an alias, in a database of its own that it deletes again, and explains what another
answer means ([commands](commands.md#appwrite_doctor)). This page is generated from the same list,
`appwrite_orm_django/doctor/assumptions.py`.

The assumptions of `webhook` and `realtime` need more than a database, and are tested with `--webhook`
and `--realtime`.

Where answers follow the [engine](../explanation/engines.md), each is listed. The engine is
determined by {text_rules}. The doctor
records it in the database, with the order of text on PostgreSQL. Each process determines the feature
level itself. All other assumptions are fixed: if the doctor finds another answer, follow the last
column.

| Name | Question | Relied on | Another answer means |
|---|---|---|---|
"""
_SERVERS = {
    f"{engine.label}, {level}": Server(engine.name, level)
    for engine in ENGINES.values()
    for level in (("1.9", "2.x") if engine.numbers_rows else ("1.9",))
}


def relied_on(assumption: Assumption) -> str:
    """Return the expected answers, by server where they differ."""
    if not assumption.expected:
        return "(measured)"
    answers = {name: " or ".join(assumption.answers(server)) for name, server in _SERVERS.items()}
    if len(set(answers.values())) == 1:
        return answers.popitem()[1]
    for part in (0, 1):
        by_part = {name.split(", ")[part]: answer for name, answer in answers.items()}
        if all(by_part[name.split(", ")[part]] == answer for name, answer in answers.items()):
            return _grouped(by_part)
    return _grouped(answers)


def _grouped(answers: dict[str, str]) -> str:
    """Name the servers of each answer together."""
    names: dict[str, list[str]] = {}
    for name, answer in answers.items():
        names.setdefault(answer, []).append(name)
    return "; ".join(f"{', '.join(of)}: {answer}" for answer, of in names.items())


def page() -> str:
    """Return the page as Markdown."""
    rows = (
        f"| `{each.name}` | {each.question} | {relied_on(each)} | {each.otherwise or 'Nothing: it is shown for information.'} |\n"
        for each in ASSUMPTIONS
    )
    names = [f"`{name}`" for name in TEXT_RULES]
    return HEAD.format(text_rules=f"{', '.join(names[:-1])} and {names[-1]}") + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page())
