"""A migrations package without a migration, as ``startapp`` makes it."""
