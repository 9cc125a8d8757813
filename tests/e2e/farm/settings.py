"""The demo's settings, with realtime, and two addresses more: one that tells what a process sees, one that writes."""

import os

from testproject.settings import *  # noqa: F403
from testproject.settings import CACHES, DATABASES

ROOT_URLCONF = "tests.e2e.farm.urls"
DATABASES["appwrite"]["OPTIONS"]["REALTIME"] = {"URL": os.environ["FARM_REALTIME"]}
DATABASES["appwrite"]["OPTIONS"]["WEBHOOK"]["COALESCE_S"] = float(
    os.environ.get("FARM_COALESCE_S", "0.5")
)
# So that few rows make many pages.
DATABASES["appwrite"]["OPTIONS"]["PAGE_SIZE"] = 100
CACHES["default"]["OPTIONS"] = {"SOCKET_CONNECT_TIMEOUT": 2, "SOCKET_TIMEOUT": 2}
