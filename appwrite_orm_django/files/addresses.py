"""Make the URLs of files: at Appwrite, with or without a token, or at a view of this site."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.urls import NoReverseMatch, reverse

from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import FileNotFound
from appwrite_orm_django.client.files import FileRef
from appwrite_orm_django.client.fork_safety import in_each_child
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.documentation import address

#: The options of a preview, and their names at Appwrite.
PREVIEW_OPTIONS = {
    "width": "width", "height": "height", "gravity": "gravity", "quality": "quality", "border_width": "borderWidth",
    "border_color": "borderColor", "border_radius": "borderRadius", "opacity": "opacity", "rotation": "rotation",
    "background": "background", "output": "output",
}  # fmt: skip
SALT = "appwrite_orm_django.files"
_MOST_TOKENS = 10_000

_tokens: dict[tuple[str, str, FileRef], tuple[str, float]] = {}
_tokens_lock = threading.Lock()


def _unlock() -> None:
    global _tokens_lock
    _tokens_lock = threading.Lock()


in_each_child(_unlock)


def preview_params(options: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the options of a preview in the API's names.

    Raises:
        TypeError: an option is unknown.
    """
    if unknown := sorted(set(options) - set(PREVIEW_OPTIONS)):
        raise TypeError(
            f"A preview has no option {unknown[0]!r}. Valid options are {', '.join(PREVIEW_OPTIONS)}."
        )
    return {PREVIEW_OPTIONS[name]: value for name, value in options.items() if value is not None}


def appwrite_url(
    endpoint: str, project: str, ref: FileRef, kind: str, params: Mapping[str, Any]
) -> str:
    """
    Return the address of a file at Appwrite.

    Args:
        kind: ``view``, ``download`` or ``preview``.
        params: of a preview, and ``token``.
    """
    return f"{endpoint.rstrip('/')}{ref.path}/{kind}?{urlencode({'project': project, **params})}"


def token_for(transport: Transport, ref: FileRef, timeout_s: int) -> str:
    """
    Return a token that opens a file for at least half of ``timeout_s``.

    A process keeps the tokens that it has created, since each takes a request.

    Raises:
        FileNotFoundError: there is no such file.
        MissingScope: the key may not create tokens.
    """
    key = (transport.endpoint, transport.project, ref)
    now = time.time()
    known = _tokens.get(key)
    if known is not None and known[1] - now >= timeout_s / 2:
        return known[0]
    expire = datetime.now(timezone.utc) + timedelta(seconds=timeout_s)
    try:
        token = files.create_token(transport, ref, expire.isoformat(timespec="milliseconds"))
    except FileNotFound as error:
        raise FileNotFoundError(f"There is no file {ref.file} in bucket {ref.bucket}.") from error
    with _tokens_lock:
        if len(_tokens) >= _MOST_TOKENS:
            _tokens.clear()
        _tokens[key] = (str(token["secret"]), now + timeout_s)
    return str(token["secret"])


def forget_token(transport: Transport, ref: FileRef) -> None:
    """Forget the token of a file that is deleted: another of its name needs its own."""
    _tokens.pop((transport.endpoint, transport.project, ref), None)


def django_url(
    alias: str, bucket: str, name: str, kind: str, params: Mapping[str, Any], *, signed: bool
) -> str:
    """
    Return the address of a file at ``appwrite_orm_django.files.urls``.

    Args:
        signed: whether the address carries a signature that the view asks for.

    Raises:
        ValueError: the site has not included these URLs.
    """
    try:
        path = reverse("appwrite_files:file", args=[alias, bucket, kind, name])
    except NoReverseMatch as error:
        raise ValueError(
            "This file is not accessible via a URL: the site does not include "
            '"appwrite_orm_django.files.urls".\n'
            f"See {address('howto/files', 'serving-files-through-django')}"
        ) from error
    query = dict(params)
    if signed:
        query["signature"] = signature_of(alias, bucket, name)
    return f"{path}?{urlencode(query)}" if query else path


def signature_of(alias: str, bucket: str, name: str) -> str:
    """Return a signature that lets its bearer read one file from now on."""
    signed = signing.TimestampSigner(salt=SALT).sign(f"{alias}:{bucket}:{name}")
    return signed.removeprefix(f"{alias}:{bucket}:{name}:")


def is_signed(alias: str, bucket: str, name: str, signature: str, timeout_s: int) -> bool:
    """Return whether a signature of a file is right and not older than ``timeout_s``."""
    try:
        signing.TimestampSigner(salt=SALT).unsign(
            f"{alias}:{bucket}:{name}:{signature}", max_age=timeout_s
        )
    except signing.BadSignature:
        return False
    return True
