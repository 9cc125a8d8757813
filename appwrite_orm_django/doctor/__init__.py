"""
Check the library's assumptions about Appwrite against the server of an alias.

``assumptions`` lists them as data, each with a small experiment from ``experiments`` or
``telling``. ``scratch`` creates the database for the experiments and deletes it again.
``examination`` runs them. Only ``manage.py appwrite_doctor`` uses this package, which uses
``schema`` and ``client``. It is tested in ``tests/doctor``.
"""
