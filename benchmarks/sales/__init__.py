"""The Django app with three tables that belong together."""
