"""Run the experiments and judge their answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db import Error

from appwrite_orm_django.client.errors import ConnectionFailed, MissingScope

from .assumptions import ASSUMPTIONS, Assumption, Server
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


def examine(scratch: Scratch, server: Server, only: Collection[str] = ()) -> Iterator[Finding]:
    """
    Try every assumption, or those whose name or area is in ``only``, and yield the findings one by one.

    An experiment that fails is a finding; the others go on.

    Raises:
        MissingScope: the key may not do what an experiment needs, which says nothing about the server.
        ConnectionFailed: the server cannot be reached any more; it is a finding where one experiment alone loses its connection.
    """
    for assumption in ASSUMPTIONS:
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
