"""Everything between a fresh clone and a site that can be served: databases, tables, rows, an account."""

from __future__ import annotations

import ipaddress
import secrets

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

USERNAME = "demo"


def make_databases() -> None:
    """Migrate the site's own database, and the catalogue's tables on Appwrite."""
    call_command("migrate", verbosity=0, interactive=False)
    # The bucket of the pictures.
    call_command("appwrite_migrate", database="appwrite", verbosity=0, interactive=False)


def password_for(host: str) -> str:
    """
    Return the password to log in with: a known one only where nobody else can use it.

    On a loopback address with DEBUG on, "demo" is convenient and reaches nobody. Anywhere else
    everybody who reads the README would be an administrator, so each start draws a new password and
    prints it.
    """
    return USERNAME if settings.DEBUG and is_loopback(host) else secrets.token_urlsafe(12)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def set_login(password: str) -> None:
    """Make sure that there is an administrator ``demo`` with this password and no other."""
    users = get_user_model()._default_manager
    user, _ = users.get_or_create(username=USERNAME)
    user.is_active = user.is_staff = user.is_superuser = True
    if not user.check_password(password):
        user.set_password(password)
    user.save()
