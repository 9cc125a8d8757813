"""
Django's own test suite on our backend: ``python -m tests.django_suite basic lookup``.

``source`` fetches Django's tests, ``running`` starts them (one process an app, with ``settings`` and ``runner``), ``engine`` is our
backend with the list of what Appwrite can not do (``exceptions.toml``), ``report`` makes the table. See README.md.
"""
