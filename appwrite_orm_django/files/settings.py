"""Read and check the options of a storage: its bucket, and how its files are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.client.references import PERMISSION, is_valid_id

WHERE = 'OPTIONS of "appwrite_orm_django.storage.AppwriteStorage"'
URLS = ("public", "token", "django")
COMPRESSIONS = ("none", "gzip", "zstd")


class InBucket:
    """Mark a storage whose files live in a bucket, ``settings.bucket`` of the database ``alias``."""


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """
    The options of ``AppwriteStorage``; each key of ``OPTIONS`` is the field's name in capitals.

    Those of the bucket itself are applied by ``appwrite_migrate``.

    Attributes:
        bucket: the bucket's id.
        database: alias of the database whose endpoint, project and key are used; by default the
            only one on Appwrite.
        name: the bucket's name in the console; its id by default.
        permissions: permissions of the bucket, such as ``('read("any")',)``. Clients with an API
            key need none.
        file_security: whether each file's own permissions count as well.
        file_permissions: permissions of the files that are saved; None for the server's default,
            which is none with an API key, and everything for the user who uploads.
        max_size: the largest file in bytes; None for the server's limit.
        extensions: allowed extensions, in lower case and without a dot; empty for all.
        compression: how the server stores files of up to 20 MB, ``none``, ``gzip`` or ``zstd``.
        encryption: whether the server encrypts files of up to 20 MB.
        antivirus: whether the server scans files, if it has a scanner.
        transformations: whether users and guests may have previews.
        unique_names: whether every file that is saved gets a name that no other has had: its own
            with random characters before the extension. Browsers may then keep what they were
            shown, because a name is not used again after its file was deleted.
        urls: what ``url()`` returns: ``public`` is the file's address at Appwrite, ``token`` adds
            a token that expires, ``django`` is a view of this site. By default ``django`` for a
            ``local:`` server inside the process, else ``public`` if everyone may read the bucket,
            else ``token``.
        url_timeout: seconds after which URLs with a token or a signature expire.
        public_endpoint: the endpoint in URLs, if browsers reach the server under another address
            than ``HOST``.
    """

    bucket: str
    database: str | None = None
    name: str = ""
    permissions: tuple[str, ...] = ()
    file_security: bool = False
    file_permissions: tuple[str, ...] | None = None
    max_size: int | None = None
    extensions: tuple[str, ...] = ()
    compression: str = "none"
    encryption: bool = True
    antivirus: bool = True
    transformations: bool = True
    unique_names: bool = False
    urls: str | None = None
    url_timeout: int = 3600
    public_endpoint: str = ""

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> BucketSettings:
        """
        Return the settings from options with names in capitals.

        Raises:
            ImproperlyConfigured: an option is unknown, missing or invalid.
        """
        known = {each.name.upper(): each.name for each in fields(cls)}
        if unknown := sorted(set(options) - set(known)):
            raise ImproperlyConfigured(
                f"{WHERE} have no key {unknown[0]!r}. Valid keys are {', '.join(sorted(known))}."
            )
        if not is_valid_id(options.get("BUCKET")):
            raise ImproperlyConfigured(
                f'{WHERE}: "BUCKET" must be the id of a bucket: at most 36 of A-Z a-z 0-9 . _ -, '
                "the first a letter or a digit."
            )
        given = {known[key]: value for key, value in options.items()}
        for name in ("permissions", "extensions", "file_permissions"):
            if isinstance(given.get(name), list):
                given[name] = tuple(given[name])
        settings = cls(**given)
        if problem := settings._problem():
            raise ImproperlyConfigured(f"{WHERE}, BUCKET {settings.bucket!r}: {problem}")
        return settings

    def _problem(self) -> str | None:
        for name in ("permissions", "extensions", "file_permissions"):
            value = getattr(self, name)
            if value is not None and not _are_texts(value):
                return f'"{name.upper()}" must be a list of strings.'
            for each in value or ():
                if name != "extensions" and not PERMISSION.fullmatch(each):
                    return f'"{name.upper()}" has {each!r}; a permission is written as read("any").'
        for name in (
            "file_security", "encryption", "antivirus", "transformations", "unique_names",
        ):  # fmt: skip
            if not isinstance(getattr(self, name), bool):
                return f'"{name.upper()}" must be True or False.'
        # The server compares the lower-cased extension with the list as it stands.
        for extension in self.extensions:
            if extension != extension.lower().lstrip(".") or "." in extension:
                return (
                    f'"EXTENSIONS" has {extension!r}, which no file can match: write '
                    f"{extension.lower().rpartition('.')[2]!r}."
                )
        if self.max_size is not None and not is_number(self.max_size):
            return '"MAX_SIZE" must be a number of bytes, or None.'
        if self.compression not in COMPRESSIONS:
            return f'"COMPRESSION" must be one of {", ".join(COMPRESSIONS)}.'
        if self.urls is not None and self.urls not in URLS:
            return f'"URLS" must be one of {", ".join(URLS)}, or None.'
        if not is_number(self.url_timeout):
            return '"URL_TIMEOUT" must be a number of seconds.'
        if self.public_endpoint and not self.public_endpoint.startswith(("http://", "https://")):
            return '"PUBLIC_ENDPOINT" must be an address such as https://files.example.org/v1.'
        return None

    @property
    def is_public(self) -> bool:
        """Whether everyone may read every file."""
        return 'read("any")' in self.permissions

    def bucket_options(self) -> dict[str, Any]:
        """Return the options of the bucket in the API's names, without those left to the server."""
        options: dict[str, Any] = {
            "name": self.name or self.bucket,
            "permissions": list(self.permissions),
            "fileSecurity": self.file_security,
            "enabled": True,
            "allowedFileExtensions": list(self.extensions),
            "compression": self.compression,
            "encryption": self.encryption,
            "antivirus": self.antivirus,
            "transformations": self.transformations,
        }
        if self.max_size is not None:
            options["maximumFileSize"] = self.max_size
        return options


def _are_texts(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(item, str) for item in value)
    )


def is_number(value: Any) -> bool:
    """Return whether a value is a positive integer."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
