"""
Django's database backend for Appwrite, in modules named after ``django.db.backends``.

A compiler turns a ``Query`` into a command (``commands``), and the cursor runs it. The backend may
import ``cache``, ``schema`` and ``client``; the public modules import it. Tested in
``tests/backend`` and ``tests/project``.
"""

from appwrite_orm_django.backend.django_internals import check_version

check_version()
