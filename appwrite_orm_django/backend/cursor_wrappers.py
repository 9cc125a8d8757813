"""Django's cursor wrappers, with a command shown to ``execute_wrapper()`` as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.backends.utils import CursorDebugWrapper, CursorWrapper

from appwrite_orm_django.backend.commands.base import Command


class _ShowsText:
    def _execute_with_wrappers(self, sql: Any, params: Any, many: bool, executor: Callable[..., Any]) -> Any:
        parent: Any = super()
        if not isinstance(sql, Command) or not self.db.execute_wrappers:  # type: ignore[attr-defined]  # the cursor's
            return parent._execute_with_wrappers(sql, params, many, executor)

        def execute(_text: str, params: Any, many: bool, context: Any) -> Any:
            # Whatever became of the text on its way (tracers append comments to it): it is for people, and never read back.
            return executor(sql, params, many, context)

        return parent._execute_with_wrappers(str(sql), params, many, execute)


class AppwriteCursorWrapper(_ShowsText, CursorWrapper):
    """What ``connection.cursor()`` returns."""


class AppwriteCursorDebugWrapper(_ShowsText, CursorDebugWrapper):
    """What it returns while queries are logged."""
