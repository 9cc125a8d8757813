"""
Django's database backend for Appwrite; the rooms carry the names of ``django.db.backends.base``.

A compiler turns a ``Query`` into a command (``commands``), the cursor runs it. May import ``cache``, ``schema`` and
``client``; is imported by the façade. Tested in ``tests/backend`` and ``tests/unit``.
"""

from appwrite_orm_django.backend.django_internals import check_version

check_version()
