"""``manage.py appwrite_files``: copy files between storages, and remove uploads that were cut off."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime, timedelta, timezone
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from django.core.management.base import BaseCommand, CommandError

from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.client.files import FileRef
from appwrite_orm_django.files.copying import copy, names_in
from appwrite_orm_django.storage import AppwriteStorage


class Command(BaseCommand):
    help = "Copy files from one storage to another, or list and delete uploads that were cut off."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        copying = actions.add_parser(
            "copy", help="Copy files under their names. Run it again to go on after an error."
        )
        copying.add_argument("source", help="An entry of STORAGES to read from.")
        copying.add_argument("target", help="An entry of STORAGES to write to.")
        copying.add_argument(
            "names", nargs="*", help="Files or directories to copy; all of them by default."
        )
        copying.add_argument(
            "--dry-run", action="store_true", help="Print what would be copied, and copy nothing."
        )
        incomplete = actions.add_parser(
            "incomplete", help="List uploads that were cut off; readers do not see them."
        )
        incomplete.add_argument("storage", help="An entry of STORAGES.")
        incomplete.add_argument("--delete", action="store_true", help="Delete them.")
        incomplete.add_argument(
            "--older-than",
            type=float,
            default=24.0,
            metavar="HOURS",
            help="Only those that began before (default: %(default)s): others may be under way.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "copy":
                self._copy(options)
            else:
                self._incomplete(options)
        except (AppwriteError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error

    def _copy(self, options: dict[str, Any]) -> None:
        source, target = _storage(options["source"]), _storage(options["target"])
        counts = {"copied": 0, "there": 0, "differs": 0}
        size = 0
        failed: list[str] = []
        for name in _chosen(source, options["names"]):
            try:
                done = copy(source, target, name, dry_run=options["dry_run"])
            except (AppwriteError, OSError, ValueError) as error:
                failed.append(name)
                self.stderr.write(self.style.ERROR(f"{name}: {str(error).splitlines()[0]}"))
                continue
            counts[done.outcome] += 1
            size += done.size if done.outcome == "copied" else 0
            if done.outcome == "differs":
                self.stderr.write(
                    self.style.ERROR(f"{name}: {options['target']} has another file of this name.")
                )
            elif options["verbosity"] >= 2:
                self.stdout.write(f"{name}: {done.outcome}")
        would = "would be copied" if options["dry_run"] else "copied"
        self.stdout.write(
            f"{counts['copied']} files ({size:,} bytes) {would}, {counts['there']} were there already."
        )
        if failed or counts["differs"]:
            raise CommandError(
                f"{len(failed)} files failed and {counts['differs']} have another content in the "
                "target. Mend the cause and run the command again: it goes on where it was."
            )

    def _incomplete(self, options: dict[str, Any]) -> None:
        storage = _storage(options["storage"])
        if not isinstance(storage, AppwriteStorage):
            raise CommandError(f'STORAGES["{options["storage"]}"] is not an AppwriteStorage.')
        before = datetime.now(timezone.utc) - timedelta(hours=options["older_than"])
        found = [
            file
            for file in files.list_files(storage.transport, storage.bucket)
            if not files.is_complete(file) and storage.created(file) < before
        ]
        for file in found:
            self.stdout.write(
                f"{file['name']}: {file['chunksUploaded']} of {file['chunksTotal']} chunks, begun "
                f"{file['$createdAt']}"
            )
            if options["delete"]:
                files.delete_file(storage.transport, FileRef(storage.bucket, file["$id"]))
        self.stdout.write(f"{len(found)} uploads {'deleted' if options['delete'] else 'found'}.")


def _storage(name: str) -> Any:
    try:
        return storages[name]
    except InvalidStorageError as error:
        known = ", ".join(sorted(storages.backends))
        raise CommandError(f"STORAGES has no entry {name!r}. There are {known}.") from error


def _chosen(source: Any, names: list[str]) -> Any:
    for name in names or [""]:
        if name and source.exists(name) and not _is_directory(source, name):
            yield name
        else:
            yield from names_in(source, name.rstrip("/"))


def _is_directory(source: Any, name: str) -> bool:
    try:
        directories, found = source.listdir(name)
    except (NotADirectoryError, FileNotFoundError):
        return False
    return bool(directories or found)
