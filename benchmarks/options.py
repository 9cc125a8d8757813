"""The command line that the benchmarks of speed share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.rounds import Report


def parse(about: str | None, run: Callable[[bool], Report]) -> None:
    """Run one benchmark as the command line says, and print its section of the report."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rounds and little work: to see that it runs"
    )
    print(run(parser.parse_args().quick).markdown())
