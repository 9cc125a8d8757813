"""Django models whose rows live in Appwrite, with automatic query caching."""

from appwrite_orm_django import _moved

__version__ = "0.1.0"

_moved.install()
