"""The command line: runs suites on SQLite and on Appwrite, and prints how they compare."""

from __future__ import annotations

import argparse
import subprocess
import sys

from tests.third_party import packages, page, running, together

DATABASES = ("sqlite", "appwrite")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.third_party", description="The tests of other projects on Appwrite."
    )
    parser.add_argument("packages", nargs="*", help="names of packages.toml; all if left out")
    parser.add_argument(
        "--on", choices=DATABASES, action="append", help="run on one of the two databases only"
    )
    parser.add_argument("--timeout", type=float, default=900, help="seconds a run may take (900)")
    parser.add_argument(
        "--host", default="local:", help="the local server, such as local:?engine=mongodb"
    )
    parser.add_argument("-k", dest="only", help="only tests whose names contain this")
    parser.add_argument(
        "--causes", action="store_true", help="also print what went wrong, by message"
    )
    parser.add_argument("--table", action="store_true", help="run nothing: print the last runs")
    parser.add_argument(
        "--page", action="store_true", help="run nothing: write docs/reference/third-party.md"
    )
    parser.add_argument(
        "--together",
        action="store_true",
        help="run no suites: check and migrate a project with all packages",
    )
    return parser.parse_args()


def main() -> int:
    options = _options()
    known = packages.read()
    if options.together:
        return together.run(options.host)
    if options.page:
        page.write(known.values())
        return 0
    chosen = [known[name] for name in options.packages or known]
    for package in chosen if not options.table else ():
        for database in options.on or DATABASES:
            try:
                running.run(package, database, options.host, options.timeout, options.only)
            except subprocess.CalledProcessError as error:
                sys.stderr.write(f"{package.name}: {error}\n{error.stderr or ''}\n")
                break
    print(page.table(chosen))  # noqa: T201
    if options.causes:
        print(page.causes(chosen))  # noqa: T201
    for package in chosen:
        for test in sorted(page.outdated(package)):
            print(f"{package.name}: {test} has a reason, but passes")  # noqa: T201
    bad = any(page.unexplained(package) or page.outdated(package) for package in chosen)
    return 1 if bad else 0


sys.exit(main())
