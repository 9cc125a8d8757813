"""Write ``docs/reference/assumptions.md`` from the doctor's list: ``python -m docs.assumptions``."""

from __future__ import annotations

from pathlib import Path

from appwrite_orm_django.doctor.assumptions import ASSUMPTIONS, TEXT_RULES, Assumption, Server

PAGE = Path(__file__).parent / "reference" / "assumptions.md"
HEAD = """# What we lean on

The library relies on these answers of the server. `manage.py appwrite_doctor` asks each question of the server behind an alias, in a
database of its own that it deletes again, and tells what another answer means ([commands](commands.md#appwrite_doctor)).
This page is made from the same list, `appwrite_orm_django/doctor/assumptions.py`.

Those of `webhook` and `realtime` need more than a database, and are tried with `--webhook` and `--realtime`.

What the library can adapt to is whose rules for text the server has, by `OPTIONS["TEXT"]`. {text_rules} together tell them; the doctor records the
answer in the database, and a process whose settings say something else [is refused](../explanation/limits.md#which-engine-is-under-appwrite). The
feature level each process asks for itself. All else is fixed: where the doctor finds another answer, do what the last column says.

| Name | Question | Relied on | Another answer means |
|---|---|---|---|
"""
_SERVERS = {
    f"{name}, {level}": Server(text, level)
    for name, text in (("MariaDB", "mariadb"), ("PostgreSQL", "postgresql"))
    for level in ("1.9", "2.x")
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
            return "; ".join(f"{name}: {answer}" for name, answer in by_part.items())
    return "; ".join(f"{name}: {answer}" for name, answer in answers.items())


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
