"""Make the URLs of files: at Appwrite, with or without a token, or at a view of this site."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.core.cache import BaseCache
from django.urls import NoReverseMatch, reverse

from appwrite_orm_django.cache.statistics import note_address
from appwrite_orm_django.client import files
from appwrite_orm_django.client.files import FileRef
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.documentation import address
from appwrite_orm_django.files.names import BY_ID, id_of

logger = logging.getLogger("appwrite_orm_django.files")
#: The options of a preview, and their names at Appwrite.
PREVIEW_OPTIONS = {
    "width": "width", "height": "height", "gravity": "gravity", "quality": "quality", "border_width": "borderWidth",
    "border_color": "borderColor", "border_radius": "borderRadius", "opacity": "opacity", "rotation": "rotation",
    "background": "background", "output": "output",
}  # fmt: skip
SALT = "appwrite_orm_django.files"
_TIMEOUT = re.compile(r"[0-9]{0,10}")
#: Seconds for which no address is valid: the view does not read as many digits.
LONGEST_S = 10**10


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


def token_for(cache: BaseCache, transport: Transport, ref: FileRef, timeout_s: int) -> str:
    """
    Return a token that opens a file for ``timeout_s``, of which at least half is left.

    Tokens are kept in Django's cache, since each takes a request. The processes share them, because
    the file of a name may be deleted and saved again by any: the tokens of the old one are void.

    Raises:
        FileNotFound: there is no such file.
        MissingScope: the key may not create tokens.
    """
    key = _token_key(transport, ref)
    now = time.time()
    kept: dict[int, tuple[str, float]] = {}
    with _faults_logged("read"):
        kept = cache.get(key) or {}
    # Those of another life are not given out: a short one may be meant to protect the file.
    secret, expires = kept.get(timeout_s, ("", 0.0))
    if expires - now >= timeout_s / 2:
        note_address(expires)
        return secret
    expire = datetime.now(timezone.utc) + timedelta(seconds=timeout_s)
    token = files.create_token(transport, ref, expire.isoformat(timespec="milliseconds"))
    secret = str(token["secret"])
    with _faults_logged("kept"):
        valid = {life: known for life, known in kept.items() if known[1] > now}
        valid[timeout_s] = (secret, now + timeout_s)
        cache.set(key, valid, timeout=max(valid))
    note_address(now + timeout_s)
    return secret


def forget_token(cache: BaseCache, transport: Transport, ref: FileRef) -> None:
    """Forget the token of a file that was deleted or saved: another of its name needs its own."""
    with _faults_logged("forgotten"):
        cache.delete(_token_key(transport, ref))


def _token_key(transport: Transport, ref: FileRef) -> str:
    about = "\n".join((transport.endpoint, transport.project, *ref))
    return f"appwrite-file-token:{hashlib.sha256(about.encode()).hexdigest()}"


@contextmanager
def _faults_logged(what: str) -> Iterator[None]:
    """Log a fault of the cache; each client of a cache raises errors of its own."""
    try:
        yield
    except Exception:
        logger.exception("the token of a file could not be %s in the cache", what)


def django_url(
    alias: str,
    bucket: str,
    name: str,
    kind: str,
    params: Mapping[str, Any],
    *,
    signed: bool,
    timeout_s: int | None = None,
) -> str:
    """
    Return the address of a file at ``appwrite_orm_django.files.urls``.

    Args:
        signed: whether the address carries a signature that the view asks for.
        timeout_s: how long the signature is valid; by default as long as the storage says.

    Raises:
        ValueError: the site has not included these URLs.
    """
    if "\n" in name:  # no URL pattern of Django's matches it
        name = f"{BY_ID}{id_of(name)}"
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
        timeout = "" if timeout_s is None else str(timeout_s)
        signature = signing.TimestampSigner(salt=SALT).sign(_signed(alias, bucket, name, timeout))
        query["signature"] = ":".join(signature.rsplit(":", 2)[1:])
        if timeout:
            query["timeout"] = timeout
    return f"{path}?{urlencode(query)}" if query else path


def is_signed(
    alias: str, bucket: str, name: str, query: Mapping[str, str], default_timeout_s: int
) -> bool:
    """Return whether the query of an address has a signature that is right and not too old."""
    timeout, signature = query.get("timeout", ""), query.get("signature", "")
    if not _TIMEOUT.fullmatch(timeout):
        return False
    try:
        signing.TimestampSigner(salt=SALT).unsign(
            f"{_signed(alias, bucket, name, timeout)}:{signature}",
            max_age=int(timeout or default_timeout_s),
        )
    except signing.BadSignature:
        return False
    return True


def _signed(alias: str, bucket: str, name: str, timeout: str) -> str:
    # In JSON, no text is the beginning of another: what follows it can only be the signature.
    return json.dumps([alias, bucket, timeout, name])
