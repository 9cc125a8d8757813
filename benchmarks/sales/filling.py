"""Fill a file of the local server: ``python -m benchmarks.sales.filling local:/path.sqlite3 1000``."""

from __future__ import annotations

import sys

from benchmarks.orm_site import configure


def main() -> None:
    configure(sys.argv[1], apps=("benchmarks.sales",))
    from django.core.management import call_command

    from benchmarks.sales.models import fill

    call_command("appwrite_migrate", verbosity=0)
    fill("appwrite", int(sys.argv[2]))


if __name__ == "__main__":
    main()
