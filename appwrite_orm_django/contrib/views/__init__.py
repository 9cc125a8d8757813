"""
Pages for rows: lists that can be searched, filtered, sorted, paged and downloaded, and details. Django's generic views, further.

``listing`` and ``detail`` are the views, ``columns`` what they show, ``filters`` the form above a list, ``exporting`` the downloads,
``status`` the badge. Templates lie in ``templates/appwrite_orm_django``. Imports the façade, nothing of the backend; tested in
``tests/backend/test_views.py`` and ``tests/e2e``; explained in ``docs/howto/list-pages.md``.
"""

from appwrite_orm_django.contrib.views.columns import Column
from appwrite_orm_django.contrib.views.detail import AppwriteDetailView
from appwrite_orm_django.contrib.views.filters import SearchForm
from appwrite_orm_django.contrib.views.listing import AppwriteListView

__all__ = ["AppwriteDetailView", "AppwriteListView", "Column", "SearchForm"]
