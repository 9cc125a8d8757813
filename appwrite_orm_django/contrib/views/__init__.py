"""
Extend Django's generic views for lists and details.

Lists have search, filters, sorting, pages and downloads.

``listing`` and ``detail`` have the views. ``columns`` looks up what they display, ``filters`` makes
the form above a list, ``exporting`` the downloads and ``status`` the badge. Templates are in
``templates/appwrite_orm_django``. This package imports the façade and nothing of the backend. It is
tested in ``tests/contrib/test_views.py`` and ``tests/e2e``, and documented in
``docs/howto/list-pages.md``.
"""

from appwrite_orm_django.contrib.views.columns import Column
from appwrite_orm_django.contrib.views.detail import AppwriteDetailView
from appwrite_orm_django.contrib.views.filters import SearchForm
from appwrite_orm_django.contrib.views.listing import AppwriteListView

__all__ = ["AppwriteDetailView", "AppwriteListView", "Column", "SearchForm"]
