"""Run the experiments and compare their answers with the assumptions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import Error

from appwrite_orm_django.client.errors import ConnectionFailed, MissingScope
from appwrite_orm_django.engines import ENGINES, POSTGRESQL

from .assumptions import ASSUMPTIONS, TEXT_RULES, Assumption, Server
from .experiments import in_order
from .scratch import Scratch


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The result of an experiment.

    Attributes:
        found: the answer, or the error raised instead.
        holds: whether the assumption holds; True for a measurement.
    """

    assumption: Assumption
    assumed: str
    found: str
    holds: bool


def examine(
    scratch: Scratch, server: Server, only: Collection[str] = (), asked: Collection[str] = ()
) -> Iterator[Finding]:
    """
    Test every assumption, or those whose name or area is in ``only``, and yield the findings.

    An experiment that fails is a finding, and the next ones still run.

    Args:
        asked: areas of experiments on request to include; the scratch must have what they need.

    Raises:
        MissingScope: the key lacks a scope that an experiment needs, which says nothing about the
            server.
        ConnectionFailed: the server can no longer be reached. A connection lost during a single
            experiment is a finding instead.
    """
    for assumption in ASSUMPTIONS:
        if assumption.on_request and assumption.area not in asked:
            continue
        if only and assumption.name not in only and assumption.area not in only:
            continue
        answers, emptied = assumption.answers(server), False
        try:
            scratch.empty()
            emptied = True
            found = assumption.experiment(scratch)
            holds = found in answers or not answers
        except MissingScope:
            raise
        except Error as error:
            if isinstance(error, ConnectionFailed) and not emptied:
                raise
            found, holds = " ".join(str(error).split()), False
        yield Finding(assumption, " or ".join(answers), found, holds)


def order_found(findings: Iterable[Finding]) -> str:
    """
    Return the order of text in a database of PostgreSQL, as it is recorded.

    This is ``en_US.utf8``, ``C`` for code points, ``other``, or "" if it was not asked for.
    """
    found = next((one.found for one in findings if one.assumption.name == "text.order"), "")
    orders: dict[str, Callable[[str], Any]] = {"en_US.utf8": POSTGRESQL.order_key, "C": str}
    for name, key in orders.items():
        if found == in_order(key):
            return name
    return "other" if found else ""


def engine_found(findings: Iterable[Finding], level: str) -> str:
    """
    Return the value of ``OPTIONS["ENGINE"]`` that matches the findings.

    Return an empty string if no value does, or if findings are missing.
    """
    found = {
        finding.assumption.name: finding
        for finding in findings
        if finding.assumption.name in TEXT_RULES
    }
    if len(found) < len(TEXT_RULES):
        return ""
    for engine in ENGINES:
        server = Server(engine, level)
        if all(finding.found in finding.assumption.answers(server) for finding in found.values()):
            return engine
    return ""
