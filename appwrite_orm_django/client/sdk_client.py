"""
Provide what the SDK's services need of a ``Client``, importing the SDK only on further use.

Importing the SDK's ``Client`` imports all of its models and pydantic. That takes two thirds of the
import time of this whole library, and most processes never need it. The services use three methods
of a client (``call``, ``get_config``, ``chunked_upload``; releases 13 to 27).
"""

from __future__ import annotations

import platform
from types import MethodType
from typing import Any, NoReturn

from appwrite_orm_django import __version__

from .secret import Secret


class SdkClient:
    """
    The headers and settings of an SDK client.

    Public methods missing here (``add_header``, ``set_locale``, ...) are borrowed from the SDK when
    they are called. ``_global_headers`` and ``_config`` therefore have the SDK's names.
    """

    def __init__(self, project: str, key: Secret) -> None:
        system = platform.uname()
        # Send no response format: every server then answers in its own, unconverted. A lower one
        # turns $sequence into a number, a higher one makes the server warn (recording
        # response-format).
        self._global_headers: dict[str, str | Secret] = {
            "user-agent": f"appwrite-orm-django/{__version__} ({system.system}; {system.machine})",
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
            "x-sdk-name": "appwrite-orm-django",
            "x-sdk-platform": "server",
            "x-sdk-language": "python",
            "x-sdk-version": __version__,
        }
        self._config: dict[str, str | Secret] = {"project": project}
        if key:
            self._global_headers["x-appwrite-key"] = key
            self._config["key"] = key

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )
        from appwrite.client import Client

        return MethodType(getattr(Client, name), self)

    def get_config(self, key: str) -> str:
        """Return a setting such as ``project``; empty if it is not set."""
        value = self._config.get(key, "")
        return value.reveal() if isinstance(value, Secret) else value

    def get_headers(self) -> dict[str, str]:
        """Return the headers of every request in clear, including the key."""
        return {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in self._global_headers.items()
        }

    def chunked_upload(self, *args: Any, **kwargs: Any) -> NoReturn:
        """
        Reject uploads of the SDK's services, which read whole files and report lost ones as saved.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            "The SDK's services cannot upload through this transport: save files with "
            "appwrite_orm_django.storage.AppwriteStorage, or use the SDK's own Client."
        )
