"""
Keep keys, tokens and passwords from being shown by accident.

Debug pages, error emails and error reporters print the local variables of every frame of a
traceback. A secret is therefore a ``Secret`` from when it is read until its bytes are sent, and
exceptions of the sending code lose their frames.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn, ParamSpec, TypeVar
from urllib.parse import quote

P = ParamSpec("P")
T = TypeVar("T")

#: Shorter secrets are not blanked: the one-letter key of a test would blank half of a text.
_MIN_BLANKED = 6


class Secret:
    """
    A text, or its UTF-8 bytes, that ``repr`` and ``str`` hide; only ``reveal`` returns it.

    It equals another secret with the same text, but never a string. Copying returns the secret
    itself, and it cannot be pickled.

    Raises:
        TypeError: the argument is not text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | bytes | Secret) -> None:
        if isinstance(text, Secret):
            self._text: str = text._text
        elif isinstance(text, str):
            self._text = text
        elif isinstance(text, bytes):
            # Some token libraries return bytes.
            self._text = text.decode("utf-8", "surrogateescape")
        else:
            # Keep the argument out of this frame's locals.
            text = ""
            raise TypeError("A secret must be a string.")

    def reveal(self) -> str:
        """Return the text. Pass it on at once: a local variable that holds it is shown."""
        return self._text

    def encoded(self) -> bytes:
        """
        Return the text as UTF-8.

        Raises:
            ValueError: it contains a lone surrogate. The error does not quote it.
        """
        if not self.is_encodable:
            raise ValueError("A secret contains a lone surrogate.")
        return self._text.encode()

    @property
    def is_encodable(self) -> bool:
        """Whether the text can be written as UTF-8."""
        try:
            self._text.encode()
        except UnicodeEncodeError:
            return False
        return True

    @property
    def is_header(self) -> bool:
        """Whether it can be an HTTP header's value: printable ASCII, no surrounding whitespace."""
        text = self._text
        return text.isascii() and text.isprintable() and text == text.strip()

    @property
    def fingerprint(self) -> str:
        """A hash that distinguishes secrets: 64 hexadecimal digits."""
        return hashlib.sha256(self._text.encode("utf-8", "surrogatepass")).hexdigest()

    def blanked_in(self, content: bytes) -> bytes:
        """
        Return content with every occurrence of the text replaced by stars.

        The forms that JSON and URLs escape are replaced as well.
        """
        if len(self._text) >= _MIN_BLANKED and self.is_encodable:
            for form in {self._text, self._text.replace("/", "\\/"), quote(self._text, safe="")}:
                content = content.replace(form.encode(), b"***")
        return content

    def __bool__(self) -> bool:
        return bool(self._text)

    def __len__(self) -> int:
        return len(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"),
            other._text.encode("utf-8", "surrogatepass"),
        )

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "<secret>"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be pickled.")


NO_SECRET = Secret("")


def hide(value: Any) -> Any:
    """
    Return strings as secrets, also in lists and tuples.

    Other values are returned unchanged, for the reader to reject.
    """
    if isinstance(value, (str, bytes)):
        return Secret(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(hide, value))
    return value


def hidden(settings: Any, names: Collection[str] | Mapping[str, Collection[str]]) -> Any:
    """
    Return settings with the values of these names as secrets.

    Settings that are not a dictionary are returned unchanged.

    Args:
        names: the secret keys, or a mapping from each nested dictionary to its secret keys.
    """
    if not isinstance(settings, Mapping):
        return settings
    if isinstance(names, Mapping):
        return {name: hidden(value, names.get(name, ())) for name, value in settings.items()}
    return {name: hide(value) if name in names else value for name, value in settings.items()}


def without_frames(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Return what ``work`` returns; its exceptions lose the frames below this one, which hold secrets.

    Only these frames are lost, and the request that an exception may carry. The exception, its text
    and its causes remain.
    """
    handled = sys.exc_info()[1]
    try:
        return work(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - raised again, and every exception has frames
        raise _cleaned(error, handled)  # noqa: B904 - it is the same exception


def _cleaned(error: BaseException, handled: BaseException | None) -> BaseException:
    """Remove the frames of an exception and its chain, up to the one handled before."""
    found: list[BaseException | None] = [error]
    seen: set[int] = set()
    while found:
        link = found.pop()
        if link is None or link is handled or id(link) in seen:
            continue
        seen.add(id(link))
        link.__traceback__ = None
        # An HTTP client's exception carries the request, and so its headers.
        for name in ("request", "response"):
            if not isinstance(vars(link).get(name, ""), str):
                delattr(link, name)
        found += [link.__cause__, link.__context__, *getattr(link, "exceptions", ())]
    return error
