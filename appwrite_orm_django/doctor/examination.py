"""Run the experiments and judge their answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from django.db import Error

from appwrite_orm_django.client.errors import ConnectionFailed, MissingScope

from .assumptions import ASSUMPTIONS, TEXT_RULES, Assumption, Server
from .scratch import Scratch


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The answer of a server to one experiment.

    Attributes:
        found: the answer, or the error that came instead of one.
        holds: whether the library may rely on it; True for a measurement.
    """

    assumption: Assumption
    assumed: str
    found: str
    holds: bool


def examine(
    scratch: Scratch, server: Server, only: Collection[str] = (), asked: Collection[str] = ()
) -> Iterator[Finding]:
    """
    Try every assumption, or those whose name or area is in ``only``, and yield the findings one by one.

    An experiment that fails is a finding; the others go on.

    Args:
        asked: areas of experiments on request, for which the scratch has what they need.

    Raises:
        MissingScope: the key may not do what an experiment needs, which says nothing about the server.
        ConnectionFailed: the server cannot be reached any more; it is a finding where one experiment alone loses its connection.
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


def text_rules(findings: Iterable[Finding], level: str) -> str:
    """Return which value of ``OPTIONS["TEXT"]`` the findings are in accord with; empty if that was not examined, or none is."""
    found = {finding.assumption.name: finding for finding in findings if finding.assumption.name in TEXT_RULES}
    if len(found) < len(TEXT_RULES):
        return ""
    for text in ("mariadb", "postgresql"):
        server = Server(text, level)
        if all(finding.found in finding.assumption.answers(server) for finding in found.values()):
            return text
    return ""
