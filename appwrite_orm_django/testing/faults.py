"""Make the local server misbehave within a block."""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.db import connections

from appwrite_local.faults import Fault
from appwrite_local.registry import is_local, local_server
from appwrite_orm_django.conf import appwrite_aliases


def appwrite_faults(
    *faults: Fault | str, using: str | None = None
) -> AbstractContextManager[list[Fault]]:
    """
    Return a context manager that simulates faults of the local Appwrite of an alias.

    Args:
        faults: in the form of ``manage.py appwrite_server --fault``, for example
            ``"error,status=503,times=1"`` or ``"cut,method=POST,applied=true"``.
        using: the alias; defaults to the first Appwrite alias.

    Raises:
        ValueError: the alias is not on a local server in this process, or a fault does not exist.
    """
    alias = using or appwrite_aliases()[0]
    host = connections[alias].settings_dict["HOST"]
    if not is_local(host):
        raise ValueError(
            f'appwrite_faults() needs a local server in this process ("local:..."), got {host} as '
            f'DATABASES["{alias}"]["HOST"].'
        )
    return local_server(host).faults.active(*faults)
