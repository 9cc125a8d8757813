"""Fill a file of the local server: ``python -m benchmarks.filling local:/path.sqlite3 1000``."""

from __future__ import annotations

import sys

from benchmarks.orm_site import configure


def main() -> None:
    endpoint, rows = sys.argv[1], int(sys.argv[2])
    configure(endpoint)
    from django.core.management import call_command

    from benchmarks.contenders.records import records
    from benchmarks.shop.items import Item

    call_command("appwrite_migrate", verbosity=0)
    columns = ("id", "name", "stock", "active")
    made = (Item(**{name: record[name] for name in columns}) for record in records(rows))
    Item.objects.bulk_create(made)


if __name__ == "__main__":
    main()
