"""A background worker: does what each line of its standard input says, and answers with a line of JSON."""

from __future__ import annotations

import json
import sys

import django

if __name__ == "__main__":
    django.setup()
    from tests.e2e.farm import seeing

    for line in sys.stdin:
        name, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(getattr(seeing, name)(*arguments)) + "\n")
        sys.stdout.flush()
