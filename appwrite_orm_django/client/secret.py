"""
Keys, tokens and passwords that nothing shows by accident.

Debug pages, error mails and error reporters print the local variables of every frame of a traceback. What holds a secret is therefore
a ``Secret`` from the moment it is read until its bytes go out, and an exception from where they go out leaves those frames behind.
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

#: Shorter secrets are not looked for in texts: the one-letter key of a test would blank out half of them.
_MIN_BLANKED = 6


class Secret:
    """
    A text, or its bytes in UTF-8, that neither ``repr`` nor ``str`` shows; only ``reveal`` returns it.

    Equal to another secret of the same text, never to a text. Copies are the secret itself, and it cannot be pickled.

    Raises:
        TypeError: what is given is not a text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | bytes | Secret) -> None:
        if isinstance(text, Secret):
            self._text: str = text._text
        elif isinstance(text, str):
            self._text = text
        elif isinstance(text, bytes):
            # As some libraries for tokens return them.
            self._text = text.decode("utf-8", "surrogateescape")
        else:
            # What it is would be shown among the locals of this frame.
            text = ""
            raise TypeError("A secret must be a text.")

    def reveal(self) -> str:
        """Return the text. Pass it on at once: a local variable that holds it is shown."""
        return self._text

    def encoded(self) -> bytes:
        """
        Return the text as UTF-8.

        Raises:
            ValueError: it holds half of a surrogate pair. The error does not quote it.
        """
        if not self.is_encodable:
            raise ValueError("A secret holds half of a surrogate pair.")
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
        """Whether the text can be the value of an HTTP header: printable ASCII without blanks around it."""
        text = self._text
        return text.isascii() and text.isprintable() and text == text.strip()

    @property
    def fingerprint(self) -> str:
        """A hash of the text, by which two secrets can be told apart: 64 hexadecimal digits."""
        return hashlib.sha256(self._text.encode("utf-8", "surrogatepass")).hexdigest()

    def blanked_in(self, content: bytes) -> bytes:
        """Return a content with every occurrence of the text replaced by stars, also as JSON and URLs write it."""
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
            self._text.encode("utf-8", "surrogatepass"), other._text.encode("utf-8", "surrogatepass")
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
    """Return texts as secrets, in lists and tuples too; anything else as it is, to be refused by whoever reads it."""
    if isinstance(value, (str, bytes)):
        return Secret(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(hide, value))
    return value


def hidden(settings: Any, names: Collection[str] | Mapping[str, Collection[str]]) -> Any:
    """
    Return settings in which the values of these names are secrets; as they are if they are no dictionary.

    Args:
        names: of the settings, or for each dictionary in them the names of what is secret there.
    """
    if not isinstance(settings, Mapping):
        return settings
    if isinstance(names, Mapping):
        return {name: hidden(value, names.get(name, ())) for name, value in settings.items()}
    return {name: hide(value) if name in names else value for name, value in settings.items()}


def without_frames(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Return what ``work`` returns; what it raises leaves without the frames below this one, which hold what is secret.

    Only the frames are lost, and the request that the exception may carry. The exception, its text, and those it was caused by stay.
    """
    handled = sys.exc_info()[1]
    try:
        return work(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - raised again, and all of them have frames
        raise _cleaned(error, handled)  # noqa: B904 - it is the same exception


def _cleaned(error: BaseException, handled: BaseException | None) -> BaseException:
    """Take the frames off an exception and off those it is chained to, but not off what was being handled before."""
    found: list[BaseException | None] = [error]
    seen: set[int] = set()
    while found:
        one = found.pop()
        if one is None or one is handled or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = None
        # The request that an HTTP client's exception carries, and with it its headers.
        for name in ("request", "response"):
            if not isinstance(vars(one).get(name, ""), str):
                delattr(one, name)
        found += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return error
