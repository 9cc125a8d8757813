"""The command line: which apps, how many at a time; prints the table and fails if a test does."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.django_suite import page, report, running, source
from tests.django_suite.apps import FIRST_SET

RESULTS = Path(__file__).resolve().parents[2] / "var" / "django-suite"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.django_suite", description="Django's own tests on Appwrite."
    )
    parser.add_argument(
        "labels",
        nargs="*",
        help="apps, or test labels such as basic.tests.ModelTest; the first set if left out",
    )
    parser.add_argument("--jobs", type=int, default=2, help="apps at a time (2)")
    parser.add_argument(
        "--timeout", type=float, default=1800, help="seconds an app may take (1800)"
    )
    parser.add_argument(
        "--feature-level", default="1.9", choices=("1.9", "2.x"), help="of the local server (1.9)"
    )
    parser.add_argument(
        "--engine",
        default="mariadb",
        choices=("mariadb", "postgresql", "mongodb"),
        help="under the local server (mariadb)",
    )
    parser.add_argument("--show", action="store_true", help="print the output of the tests")
    parser.add_argument(
        "--table", action="store_true", help="run nothing: print the table of the last whole runs"
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help="run nothing: write docs/reference/django-suite.md from the last whole runs",
    )
    parser.add_argument(
        "--causes", action="store_true", help="also print failures and errors by their message"
    )
    parser.add_argument("-k", dest="pattern", help="only tests whose names contain this")
    return parser.parse_args()


def main() -> int:
    options = _options()
    labels = options.labels or FIRST_SET
    results = RESULTS / page.folder(options.engine, options.feature_level)
    if options.page:
        page.write(RESULTS, FIRST_SET)
        return 0
    if options.table:
        outcomes = report.saved(results, None if not options.labels else labels)
    else:
        run = partial(
            running.run_app,
            tests=source.django_tests(),
            results=results,
            timeout_s=options.timeout,
            feature_level=options.feature_level,
            engine=options.engine,
            pattern=options.pattern,
            shows=options.show,
        )
        with ThreadPoolExecutor(options.jobs) as pool:
            outcomes = dict(pool.map(run, running.by_app(labels)))
    print(report.table(outcomes))  # noqa: T201
    if options.causes:
        print(report.causes(outcomes))  # noqa: T201
    report.write(results, outcomes)
    return 1 if any(report.is_bad(one) for app in outcomes.values() for one in app) else 0


sys.exit(main())
