"""Settings for Django's test suite: both of its databases on our backend, on the local server in the process."""

import os

_LEVEL = os.environ.get("DJANGO_SUITE_FEATURE_LEVEL", "1.9")
_ENGINE = os.environ.get("DJANGO_SUITE_ENGINE", "mariadb")
_SERVER = f"local:?feature-level={_LEVEL}&engine={_ENGINE}"


def _database(name: str) -> dict[str, object]:
    return {
        "ENGINE": "tests.django_suite.engine",
        "HOST": _SERVER,
        "USER": "tests",
        "PASSWORD": "tests",
        "NAME": name,
        # Django's tests count queries, and a read from the cache is none.
        "OPTIONS": {"CACHE": {"ENABLED": False}},
    }


DATABASES = {"default": _database("default"), "other": _database("other")}
SECRET_KEY = "only for tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "tests.django_suite.runner.Runner"
