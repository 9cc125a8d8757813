"""
Model callers and the permission strings that authorize them.

Source: recordings ``rows-permissions``, ``permissions-guests``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from appwrite_local import identifiers
from appwrite_local.errors import ApiError, unauthorized
from appwrite_local.schema import Table

TABLE_ACTIONS = ("create", "read", "update", "delete", "write")
ROW_ACTIONS = ("read", "update", "delete", "write")
MAX_PERMISSIONS = 100

_FORMAT = re.compile(r'(\w+)\("([^")]*)"\)')
_ROLES = ("any", "guests", "users", "user", "team", "member", "label")
_WITH_ID = {"user", "team", "member", "label"}
_STATUS = ("verified", "unverified")
_DIMENSIONS: dict[str, tuple[str, ...] | None] = {"users": _STATUS, "user": _STATUS, "team": None}


@dataclass(frozen=True, slots=True)
class Identity:
    """
    A caller.

    Attributes:
        project: the project id as sent, empty if there was none.
        scopes: ``None`` means every scope.
        user_id: empty for keys and guests.
        roles: the roles that permissions are compared with; empty for a key, which bypasses
            permissions.
    """

    project: str
    is_key: bool
    scopes: frozenset[str] | None
    roles: tuple[str, ...] = ()
    label: str = ""
    user_id: str = ""

    def has_one_of(self, scopes: tuple[str, ...]) -> bool:
        if "public" in scopes and not self.is_key:
            return True
        if self.scopes is None:
            return "public" not in scopes
        return not self.scopes.isdisjoint(scopes)


class Permissions:
    """A validator for a list of permissions; its problem describes the first invalid one."""

    def __init__(self, actions: tuple[str, ...]) -> None:
        self._actions = actions

    def problem(self, value: Any) -> str | None:
        if not isinstance(value, list):
            return "Permissions must be an array of strings."
        if len(value) > MAX_PERMISSIONS:
            return f"You can only provide up to {MAX_PERMISSIONS} permissions."
        return next(
            (problem for item in value if (problem := self._item_problem(item)) is not None), None
        )

    def _item_problem(self, item: Any) -> str | None:
        if not isinstance(item, str):
            return "Every permission must be of type string."
        if not item.startswith(self._actions):
            return (
                f'Permission "{item}" is not allowed. Must be one of: {", ".join(self._actions)}.'
            )
        match = _FORMAT.fullmatch(item)
        if match is None:
            return f'Invalid permission string format: "{item}".'
        return _role_problem(match[2])


def _role_problem(role: str) -> str | None:
    name, colon, rest = role.partition(":")
    if not colon:
        name, slash, dimension = role.partition("/")
        identifier = ""
    else:
        identifier, slash, dimension = rest.partition("/")
    if "/" in dimension:
        return "Only one dimension can be provided"
    if slash and not dimension:
        return "Dimension must not be empty"
    if name not in _ROLES:
        return f'Role "{name}" is not allowed. Must be one of: {", ".join(_ROLES)}.'
    return _identifier_problem(name, identifier) or _dimension_problem(name, dimension)


def _identifier_problem(name: str, identifier: str) -> str | None:
    if name not in _WITH_ID:
        return f'Role "{name}" can not have an ID value.' if identifier else None
    if not identifier:
        return f'Role "{name}" must have an ID value.'
    if name == "label":
        if not identifier.isalnum() or not identifier.isascii() or len(identifier) > 36:
            rule = "Value must be a valid string between 1 and 36 chars containing only alphanumeric chars"
            return f'Role "label" identifier value is invalid: {rule}'
    elif not identifiers.is_valid(identifier):
        return f'Role "{name}" identifier value is invalid: {identifiers.KEY_RULE}'
    return None


def _dimension_problem(name: str, dimension: str) -> str | None:
    if not dimension:
        return None
    if name not in _DIMENSIONS:
        return f'Role "{name}" can not have a dimension value.'
    allowed = _DIMENSIONS[name]
    if allowed is not None and dimension not in allowed:
        return f'Role "{name}" dimension value is invalid. Must be one of: {", ".join(allowed)}.'
    return None


def expand(permissions: Iterable[str], actions: tuple[str, ...] = ROW_ACTIONS) -> list[str]:
    """Expand ``write`` and drop duplicates."""
    result: list[str] = []
    for permission in permissions:
        action, _, role = permission.partition("(")
        names = (
            [name for name in ("create", "update", "delete") if name in actions]
            if action == "write"
            else [action]
        )
        for name in names:
            if (text := f"{name}({role}") not in result:
                result.append(text)
    return result


def roles_for(permissions: Iterable[str], action: str) -> list[str]:
    """Return the roles to which a list of permissions grants an action."""
    prefix = f'{action}("'
    return [
        permission[len(prefix) : -2] for permission in permissions if permission.startswith(prefix)
    ]


def allows(permissions: Iterable[str], action: str, identity: Identity) -> bool:
    return identity.is_key or not set(roles_for(permissions, action)).isdisjoint(identity.roles)


def require_create(table: Table, identity: Identity) -> None:
    """
    Reject a caller who may not add rows to a table.

    Raises:
        ApiError: 401, with the words of the check that failed.
    """
    if not allows(table.permissions, "create", identity):
        raise denied(table.permissions, "create", identity)


def denied(permissions: Iterable[str], action: str, identity: Identity) -> ApiError:
    """Return the error for an action that no permission in a list grants."""
    granted = roles_for(permissions, action)
    if not granted:
        return unauthorized(f"No permissions provided for action '{action}'")
    own, given = (
        # PHP escapes slashes.
        json.dumps(list(roles), separators=(",", ":")).replace("/", "\\/")
        for roles in (identity.roles, granted)
    )
    return unauthorized(
        f'Missing "{action}" permission for role "{granted[-1]}". Only "{own}" scopes are allowed '
        f'and "{given}" was given.'
    )


def may(table: Table, row_permissions: Iterable[str], action: str, identity: Identity) -> bool:
    """Return whether the table or, under row security, the row permits a caller's action."""
    return allows(table.permissions, action, identity) or (
        table.row_security and allows(row_permissions, action, identity)
    )


def require_grantable(permissions: Iterable[str], identity: Identity) -> None:
    """
    Reject permissions for roles that a caller without a key does not have.

    Raises:
        ApiError: 401.
    """
    if identity.is_key:
        return
    for permission in permissions:
        if permission.partition('("')[2][:-2] not in identity.roles:
            raise unauthorized(f"Permissions must be one of: ({', '.join(identity.roles)})")


def default_permissions(identity: Identity) -> list[str]:
    """Return the default permissions of a new row: users own the rows that they create."""
    return (
        [f'{action}("user:{identity.user_id}")' for action in ("read", "update", "delete")]
        if identity.user_id
        else []
    )


def require_listable(table: Table, identity: Identity) -> None:
    """
    Reject a caller who can read nothing of a table.

    Raises:
        ApiError: 401, unless row security may allow single rows.
    """
    if not allows(table.permissions, "read", identity) and not table.row_security:
        raise unauthorized()


def read_permissions(value: Any) -> list[str] | None:
    """
    Return the permissions that a nested or a staged row carries among its values.

    Raises:
        ApiError: 400 ``general_bad_request``.
    """
    if value is None:
        return None
    problem = Permissions(ROW_ACTIONS).problem(value)
    if problem is not None:
        raise bad_permission(problem)
    return expand(value)


def bad_permission(problem: str) -> ApiError:
    return ApiError("general_bad_request", message=problem)
