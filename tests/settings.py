"""Settings of the test suite: everything but Appwrite itself is as small as it can be."""

import os

from tests import real

SECRET_KEY = "only for tests"
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "appwrite_orm_django",
    "tests.library",
    "testproject.world",
]
# The whole suite can run on a local server of another kind.
ENGINE = os.environ.get("APPWRITE_TEST_ENGINE", "mariadb")
LEVEL = os.environ.get("APPWRITE_TEST_FEATURE_LEVEL", "1.9")
HOST = (
    "local:"
    if (ENGINE, LEVEL) == ("mariadb", "1.9")
    else f"local:?engine={ENGINE}&feature-level={LEVEL}"
)
# A twin on SQLite for each engine; "twin" is that of the engine above.
TWINS = {
    engine: "twin" if engine == ENGINE else f"twin-{engine}"
    for engine in ("mariadb", "postgresql", "mongodb")
}
# Said explicitly, or parallel runs would give both twins the same name.
IN_MEMORY = {"NAME": ":memory:"}
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "appwrite": {
        "ENGINE": "appwrite_orm_django.backend",
        "HOST": HOST,
        "USER": "tests",
        "PASSWORD": "tests",
        "NAME": "library",
    },
    # The same models on SQLite, to compare answers with (tests/differential.py).
    **{
        alias: {
            "ENGINE": "tests.twin",
            "NAME": ":memory:",
            "OPTIONS": {"ENGINE": engine},
            "TEST": IN_MEMORY,
        }
        for engine, alias in TWINS.items()
    },
}
if server := real.server():
    DATABASES["appwrite"] = server.settings
DATABASE_ROUTERS = ["tests.routers.Router"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "/static/"
# Tests that save files without a storage of their own leave none behind.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
