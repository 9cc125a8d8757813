"""The tests of other projects' apps, on SQLite and on our backend (README.md)."""
