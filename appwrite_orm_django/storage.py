"""
A Django storage whose files live in a bucket of Appwrite.

See docs/howto/files.md.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.core.cache import BaseCache, caches
from django.core.exceptions import (
    ImproperlyConfigured,
    SuspiciousFileOperation,
    ValidationError,
)
from django.core.files.base import File as DjangoFile
from django.core.files.storage import Storage
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.deconstruct import deconstructible

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.cache.statistics import note_address
from appwrite_orm_django.client import files, local_endpoint
from appwrite_orm_django.client.errors import (
    BucketNotFound,
    FileNotFound,
    FileRefused,
    InvalidUserToken,
    Unauthorized,
    cut,
)
from appwrite_orm_django.client.files import File, FileRef, is_complete
from appwrite_orm_django.client.queries import starts_with
from appwrite_orm_django.conf import appwrite_aliases
from appwrite_orm_django.files import addresses, buckets, names, uploading
from appwrite_orm_django.files.reading import AppwriteFile
from appwrite_orm_django.files.settings import BucketSettings, InBucket, is_number
from appwrite_orm_django.orm.uploads import note_upload

if TYPE_CHECKING:
    from appwrite_orm_django.client.transport import Transport

__all__ = ["AppwriteStorage", "validate_upload"]

T = TypeVar("T")

#: The names that an upload of this thread has met, and that are therefore not available to it.
_taken: ContextVar[frozenset[str]] = ContextVar("_taken", default=frozenset())


@deconstructible(path="appwrite_orm_django.storage.AppwriteStorage")
class AppwriteStorage(InBucket, Storage):
    """
    Files in a bucket of an Appwrite project.

    Files are uploaded and read as the user in force (``appwrite_user``), or with the API key.
    The methods are those of Django's storages. A file cannot be changed: save it under a new name.

    Args:
        options: those of ``BucketSettings``, in capitals as in ``STORAGES`` or in lower case.

    Raises:
        ImproperlyConfigured: an option is unknown, missing or invalid.
    """

    def __init__(self, **options: Any) -> None:
        self.settings = BucketSettings.read(
            {name.upper(): value for name, value in options.items()}
        )

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.settings == self.settings  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.settings)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.settings.bucket}>"

    @cached_property
    def alias(self) -> str:
        """
        The alias of the database whose project has the bucket.

        Raises:
            ImproperlyConfigured: ``DATABASE`` is not set, and not exactly one is on Appwrite.
        """
        if self.settings.database is not None:
            return self.settings.database
        aliases = appwrite_aliases()
        if len(aliases) != 1:
            raise ImproperlyConfigured(
                f'The storage of bucket {self.settings.bucket!r} needs the option "DATABASE": '
                f"{len(aliases)} entries of DATABASES are on Appwrite."
            )
        return aliases[0]

    @property
    def transport(self) -> Transport:
        """The HTTP client, for the user in force if there is one."""
        return appwrite_connection(self.alias).transport

    @property
    def bucket(self) -> str:
        """The id of the bucket; while tests run, that of a bucket of their own."""
        return buckets.bucket_in_use(self.alias, self.settings)

    def ref(self, name: object) -> FileRef:
        """Return the bucket and the id of the file of a name."""
        return FileRef(self.bucket, names.id_of(names.normalized(name)))

    # Django's methods

    def _open(self, name: str, mode: str = "rb") -> AppwriteFile:
        if mode not in ("r", "rb"):
            raise io.UnsupportedOperation(
                f"{cut(repr(name))} cannot be opened with mode {mode!r}: files in Appwrite are not "
                "changed. Save the new content under a new name."
            )
        return AppwriteFile(self.transport, self.ref(name), str(name), self._known(name), mode)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        name = content.name if name is None else name
        # A stream could not be read again for another name.
        with uploading.seekable(content) as source:
            is_taken = name and self.settings.unique_names
            before = _taken.set(frozenset([names.normalized(name)] if is_taken else []))
            try:
                while True:
                    try:
                        return super().save(name, source, max_length)
                    except uploading.NameTaken as error:
                        # The user may not be able to see the file that has this name.
                        _taken.set(_taken.get() | {error.name})
            finally:
                _taken.reset(before)

    def _save(self, name: str, content: DjangoFile[Any]) -> str:
        name = names.normalized(name)
        ref = FileRef(self.bucket, names.id_of(name))
        permissions = self.settings.file_permissions
        with uploading.seekable(content) as source:
            self.check_savable(name, uploading.size_of(source))
            try:
                self._in_bucket(uploading.save, self.transport, ref, name, source, permissions)
            except FileRefused as error:
                raise self._refused(name, error) from error
            finally:
                self._forget_token(ref)  # another client may have deleted the file of this name
        note_upload(name, partial(self.delete, name))
        return name

    def save_as(self, name: str, content: Any) -> None:
        """
        Save a file under exactly this name.

        Raises:
            FileExistsError: the name is taken.
        """
        try:
            self._save(name, content)
        except uploading.NameTaken as error:
            raise FileExistsError(f"There is a file {cut(repr(name))} already.") from error

    def check_savable(self, name: str, size: int) -> None:
        """
        Reject what the server would reject, or not keep as it is; no request is made.

        Raises:
            SuspiciousFileOperation, ValueError: there can be no file of this name.
            FileRefused: the bucket does not allow its extension, or its size in bytes.
        """
        names.check_savable(names.normalized(name))
        allowed, most = self.settings.extensions, self.settings.max_size
        if (allowed and names.extension_of(name) not in allowed) or (most and size > most):
            raise self._refused(name)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        # Django takes ".png", which it makes of "?.png", for a name without an extension.
        if file_root.startswith(".") and not file_ext:
            return f"{get_random_string(7)}{file_root}"
        return str(super().get_alternative_name(file_root, file_ext))

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        # An incomplete file is not there for readers, but its id is taken.
        too_long = max_length is not None and len(name) > max_length
        if too_long or names.normalized(name) in _taken.get():
            return False
        return self._look(name) is None

    def exists(self, name: str) -> bool:
        found = self._look(name)
        return found is not None and is_complete(found)

    def delete(self, name: str) -> None:
        if not name:
            raise ValueError("The name must be given to delete().")
        ref = self.ref(name)
        transport = self.transport
        try:
            files.delete_file(transport, ref)
        except FileNotFound:
            return
        finally:
            self._forget_token(ref)

    def _forget_token(self, ref: FileRef) -> None:
        if self.urls == "token":
            transport = appwrite_connection(self.alias).key_transport
            addresses.forget_token(self._token_cache, transport, ref)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """
        Return the directories and the files in a directory, which exist as parts of names only.

        Files of other clients are listed at the top, as ``id:<id>``.
        """
        path = str(path)
        prefix = "" if path in ("", ".", "/") else f"{names.normalized(path)}/"
        queries = [starts_with("name", prefix)] if prefix else []
        directories: set[str] = set()
        found: list[str] = []
        for file in self._in_bucket(self._list, queries):
            name = self.name_of(file)
            # The server compares without case and accents.
            if not name.startswith(prefix) or not is_complete(file):
                continue
            first, slash, _ = name.removeprefix(prefix).partition("/")
            if slash:
                directories.add(first)
            else:
                found.append(first)
        return sorted(directories), sorted(found)

    def size(self, name: str) -> int:
        return int(self._known(name)["sizeOriginal"])

    def get_created_time(self, name: str) -> datetime:
        created = self.created(self._known(name))
        if settings.USE_TZ:
            return created
        # Of the site, not the one that is activated for a visitor.
        return timezone.make_naive(created, timezone.get_default_timezone())

    def get_modified_time(self, name: str) -> datetime:
        # ``$updatedAt`` moves with previews and permissions; the content never changes.
        return self.get_created_time(name)

    def url(
        self,
        name: str | None,
        *,
        download: bool = False,
        timeout: int | None = None,
        **preview: Any,
    ) -> str:
        """
        Return an address where a browser finds the file.

        There need be no such file: its address then leads to a 404, and to a 401 or 404 if the
        user in force may not read the file.

        Args:
            download: whether the browser saves the file instead of showing it.
            timeout: whole seconds for which an address with a token or a signature is valid; by
                default ``URL_TIMEOUT``.
            preview: options of a picture in another size: ``width``, ``height``, ``gravity``,
                ``quality``, ``output`` and others of ``addresses.PREVIEW_OPTIONS``.

        Raises:
            ValueError: there is no name, ``timeout`` is no positive number of whole seconds, or the
                site lacks the URLs that serve files.
            MissingScope: with ``URLS="token"``, the key may not create tokens.
            BucketNotFound: with ``URLS="token"``, there is no such bucket.
            TypeError: an option is unknown, or ``download`` and a preview are both asked for.
        """
        if not name:
            raise ValueError("This file is not accessible via a URL.")
        params = addresses.preview_params(preview)
        if download and params:
            raise TypeError("A preview cannot be a download.")
        if timeout is not None and not (is_number(timeout) and timeout < addresses.LONGEST_S):
            raise ValueError(
                "timeout must be a number of whole seconds, at least 1 and less than "
                f"{addresses.LONGEST_S:,}, got {timeout!r}."
            )
        life_s = self.settings.url_timeout if timeout is None else timeout
        kind = "preview" if params else "download" if download else "view"
        how = self.urls
        if how == "django":
            if not self.settings.is_public:
                note_address(time.time() + life_s)
            return addresses.django_url(
                self.alias, self.settings.bucket, names.addressable(name), kind, params,
                signed=not self.settings.is_public, timeout_s=timeout,
            )  # fmt: skip
        connection = appwrite_connection(self.alias)
        ref = FileRef(self.bucket, names.id_of(names.addressable(name)))
        endpoint, project = connection.project
        if how == "token":
            params.update(self._token(ref, life_s))
        return addresses.appwrite_url(
            self.settings.public_endpoint or endpoint, project, ref, kind, params
        )

    def _token(self, ref: FileRef, timeout_s: int) -> dict[str, str]:
        """Return the token that opens a file; none if it is missing, or the user may not read it."""
        connection = appwrite_connection(self.alias)
        try:
            if connection.identity is not None:
                # The key creates the token, also for users who may not read the file.
                self._in_bucket(files.get_file, connection.transport, ref)
        except InvalidUserToken:
            raise
        except (FileNotFound, Unauthorized):
            return {}
        try:
            token = self._in_bucket(
                addresses.token_for, self._token_cache, connection.key_transport, ref, timeout_s
            )
        except FileNotFound:
            return {}
        return {"token": token}

    @property
    def _token_cache(self) -> BaseCache:
        return caches[appwrite_connection(self.alias).options.cache.alias]

    @cached_property
    def urls(self) -> str:
        """The kind of address that ``url()`` returns: ``public``, ``token`` or ``django``."""
        if self.settings.urls is not None:
            return self.settings.urls
        if local_endpoint.is_local(appwrite_connection(self.alias).project[0]):
            return "django"
        return "public" if self.settings.is_public else "token"

    # Beyond Django's

    def content_type(self, name: str) -> str:
        """Return the type of the file's content, as Appwrite has guessed it."""
        return str(self._known(name)["mimeType"])

    def signature(self, name: str) -> str:
        """Return the MD5 of the file's content, in hexadecimal digits."""
        return str(self._known(name)["signature"])

    def preview(self, name: str, **options: Any) -> bytes:
        """
        Return a picture in another size or format; the options are those of ``url()``.

        Raises:
            FileNotFoundError: there is no such file.
            FileRefused: it is not a picture that Appwrite can read.
        """
        try:
            return files.preview(self.transport, self.ref(name), addresses.preview_params(options))
        except FileNotFound as error:
            raise self._missing(name) from error

    def created(self, file: File) -> datetime:
        """Return when a file was created, in UTC."""
        return datetime.fromisoformat(file["$createdAt"])

    def name_of(self, file: File) -> str:
        """Return the name under which this storage finds a file that the server has listed."""
        name = str(file["name"])
        try:
            is_by_name = names.id_of(names.normalized(name)) == file["$id"]
        except (ValueError, OSError, ImproperlyConfigured):
            is_by_name = False
        return name if is_by_name else f"{names.BY_ID}{file['$id']}"

    def _list(self, queries: Any) -> list[File]:
        return list(files.list_files(self.transport, self.bucket, queries))

    def _look(self, name: object) -> File | None:
        """Return what the server knows of a file, complete or not."""
        try:
            return self._in_bucket(files.get_file, self.transport, self.ref(name))
        except FileNotFound:
            return None

    def _known(self, name: object) -> File:
        """
        Return what the server knows of a file.

        Raises:
            FileNotFoundError: there is no such file, or its upload was cut off.
        """
        found = self._look(name)
        if found is None or not is_complete(found):
            raise self._missing(name)
        return found

    def _missing(self, name: object) -> FileNotFoundError:
        return FileNotFoundError(
            f"There is no file {cut(repr(str(name)))} in bucket {self.bucket!r}, or the user may "
            "not read it."
        )

    def _in_bucket(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function; while tests run, create their bucket when it is first used."""
        try:
            return function(*args)
        except BucketNotFound:
            if not buckets.create_for_tests(self.alias, self.settings):
                raise
            return function(*args)

    def limits(self) -> str:
        """Return what files the bucket takes, as text for users."""
        allowed, most = self.settings.extensions, self.settings.max_size
        size = f"of up to {most:,} bytes" if most else "of up to the server's limit"
        extensions = f"with the extensions {', '.join(allowed)}" if allowed else "of any extension"
        return f"Only files {size} {extensions} can be saved here."

    def _refused(self, name: str, error: FileRefused | None = None) -> FileRefused:
        reported = f" ({error.message})" if error is not None and error.message else ""
        return FileRefused.caused_by(
            error or FileRefused(),
            f"{name} was refused by bucket {self.bucket!r}{reported}. {self.limits()}",
        )


def validate_upload(file: Any, serializer_field: Any = None) -> None:
    """
    Validate that the bucket takes a file, as a validator of a ``FileField`` or ``ImageField``.

    Without it, saving a file that the bucket's ``EXTENSIONS`` or ``MAX_SIZE`` do not allow raises
    ``FileRefused``. Files that are stored already, and those of other storages, pass.

    Args:
        serializer_field: given by Django REST framework, which validates a file before the field
            of the model has it.

    Raises:
        ValidationError: the text says what the bucket takes.
    """
    if serializer_field is not None:
        model = serializer_field.parent.Meta.model
        storage = model._meta.get_field(serializer_field.source).storage
    else:
        storage = file.storage
    if not isinstance(storage, AppwriteStorage) or file.closed:
        return  # a new file is open
    try:
        storage.check_savable(str(file.name), file.size)
    except FileRefused:
        raise ValidationError(storage.limits(), code="file_refused") from None
    except (SuspiciousFileOperation, ValueError) as error:
        raise ValidationError(str(error), code="invalid_name") from error


# Django REST framework gives such validators the field of the serializer.
validate_upload.requires_context = True  # type: ignore[attr-defined]
