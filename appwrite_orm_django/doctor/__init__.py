"""
Check the assumptions about Appwrite that the library relies on, against the server behind an alias.

``assumptions`` lists them as data, each with a small experiment in ``experiments``. ``scratch`` makes the database in which they run and
deletes it again. ``examination`` runs them. Only ``manage.py appwrite_doctor`` uses this room, which uses ``schema`` and ``client``.
Tested in ``tests/doctor``.
"""
