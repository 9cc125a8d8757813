"""Making the local server misbehave for the length of a block."""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.db import connections

from appwrite_local.faults import Fault
from appwrite_local.registry import is_local, local_server
from appwrite_orm_django.conf import appwrite_aliases


def appwrite_faults(*faults: Fault | str, using: str | None = None) -> AbstractContextManager[list[Fault]]:
    """
    Disturb requests to the local Appwrite of an alias.

    Args:
        faults: as ``manage.py appwrite_server --fault`` takes them, for example ``"error,status=503,times=1"`` or
            ``"cut,method=POST,applied=true"``.
        using: the alias; the first Appwrite alias if left out.

    Raises:
        ValueError: the alias is not on a local server in this process, or a fault that there is not.
    """
    alias = using or appwrite_aliases()[0]
    host = connections[alias].settings_dict["HOST"]
    if not is_local(host):
        raise ValueError(
            f'DATABASES["{alias}"]["HOST"] is {host}; only a server in this process ("local:...") can be disturbed.'
        )
    return local_server(host).faults.active(*faults)
