"""``manage.py appwrite_files``: copy files between storages, and remove uploads that were cut off."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize

from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import AppwriteError, FileNotFound
from appwrite_orm_django.client.files import FileRef
from appwrite_orm_django.files.copying import FAULTS, chosen, copy
from appwrite_orm_django.storage import AppwriteStorage

# Files between two lines that tell how far a copy is.
_EACH = 100


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
        counts = dict.fromkeys(("copied", "there", "differs", "incomplete"), 0)
        size = seen = 0
        failed: list[str] = []

        def report(name: str, error: Exception) -> None:
            failed.append(name)
            self._complain(name, str(error).partition("\n")[0])

        for seen, name in enumerate(chosen(source, options["names"], report), 1):
            try:
                done = copy(source, target, name, dry_run=options["dry_run"])
            except FAULTS as error:
                report(name, error)
                continue
            counts[done.outcome] += 1
            size += done.size if done.outcome == "copied" else 0
            if done.outcome == "differs":
                self._complain(name, f"{options['target']} has another file of this name.")
            elif done.outcome == "incomplete":
                self._complain(
                    name, f"an upload of it to {options['target']} was cut off, or is under way."
                )
            elif options["verbosity"] >= 2:
                self.stdout.write(f"{_printable(name)}: {done.outcome}")
            if options["verbosity"] == 1 and seen % _EACH == 0:
                self.stdout.write(f"{seen} files so far, {counts['copied']} copied ...")
        would = "would be copied" if options["dry_run"] else "copied"
        copied, there = counts["copied"], counts["there"]
        self.stdout.write(
            f"{copied} file{pluralize(copied)} ({size:,} bytes) {would}, {there} already present."
        )
        if counts["incomplete"]:
            self.stderr.write(
                f"If no one is uploading to {options['target']}, remove the uploads that were cut off: "
                f"manage.py appwrite_files incomplete {options['target']} --delete --older-than 0"
            )
        if failed or counts["differs"] or counts["incomplete"]:
            raise CommandError(
                f"{len(failed)} failed, {counts['differs']} differ in the target, "
                f"{counts['incomplete']} incomplete there. Correct the cause, and run the command "
                "again: it continues there."
            )

    def _complain(self, name: str, text: str) -> None:
        line = text if text.startswith(name) else f"{_printable(name)}: {text}"
        self.stderr.write(self.style.ERROR(line))

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
        deleted = 0
        for file in found:
            self.stdout.write(
                f"{_printable(file['name'])}: {file['chunksUploaded']} of {file['chunksTotal']} chunks, "
                f"begun {file['$createdAt']}"
            )
            if options["delete"]:
                deleted += _delete_incomplete(storage, FileRef(storage.bucket, file["$id"]))
        number, done = (deleted, "deleted") if options["delete"] else (len(found), "found")
        self.stdout.write(f"{number} upload{pluralize(number)} {done}.")


def _delete_incomplete(storage: AppwriteStorage, ref: FileRef) -> bool:
    """Delete an upload that was cut off, unless it was completed or deleted since it was listed."""
    with suppress(FileNotFound):
        if not files.is_complete(files.get_file(storage.transport, ref)):
            files.delete_file(storage.transport, ref)
            return True
    return False


def _printable(name: str) -> str:
    """Return a name for a terminal, which cannot show what is not UTF-8 on the disk."""
    return name if name.isprintable() else repr(name)


def _storage(name: str) -> Any:
    try:
        return storages[name]
    except InvalidStorageError as error:
        known = ", ".join(sorted(storages.backends))
        raise CommandError(f"STORAGES has no entry {name!r}. There are {known}.") from error
