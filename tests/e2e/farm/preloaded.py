"""An application that has already worked when gunicorn forks: connections are open, threads run, locks have been used."""

import os

from testproject.wsgi import application
from tests.e2e.farm import seeing

__all__ = ["application"]

seeing.write(os.environ["FARM_ROW"], "written before the fork")
seeing.seen(os.environ["FARM_ROW"])
