"""
Settings of the demo: an ordinary Django site whose catalogue lives in Appwrite.

Without any environment it runs on the local server, in files under ``var/``. With
``APPWRITE_ENDPOINT``, ``APPWRITE_PROJECT_ID``, ``APPWRITE_API_KEY`` and ``APPWRITE_DATABASE_ID`` it
runs on that Appwrite instead.
"""

import os
from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
# Where the SQLite files go; tests give each process a directory of its own.
VAR = Path(os.environ.get("TESTPROJECT_VAR") or BASE_DIR / "var")
VAR.mkdir(parents=True, exist_ok=True)

DEBUG = os.environ.get("DJANGO_DEBUG", "1") == "1"
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "Set DJANGO_SECRET_KEY: without DEBUG this site does not run on the demo's well-known key."
        )
    SECRET_KEY = "demo only: everybody can read this key in the repository"  # noqa: S105 - says so itself
ALLOWED_HOSTS = [host for host in os.environ.get("DJANGO_ALLOWED_HOSTS", "").split(",") if host]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "appwrite_orm_django",
    "testproject.world",
    "testproject.demo",
]

MIDDLEWARE = [
    "appwrite_orm_django.contrib.cache_status.AppwriteCacheMiddleware",
    "testproject.demo.middleware.AppwriteRequestsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "testproject.urls"
WSGI_APPLICATION = "testproject.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "testproject.demo.middleware.appwrite_requests",
            ]
        },
    }
]

# The engine that the local server imitates; each has a file of its own.
ENGINE = os.environ.get("APPWRITE_ENGINE") or "mariadb"
LOCAL = f"local:{quote(str(VAR / 'appwrite.sqlite3'))}"
if ENGINE != "mariadb":
    LOCAL = f"local:{quote(str(VAR / f'appwrite-{ENGINE}.sqlite3'))}?engine={quote(ENGINE)}"

DATABASES = {
    # Accounts, sessions and the admin's history.
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": VAR / "site.sqlite3"},
    # The catalogue.
    "appwrite": {
        "ENGINE": "appwrite_orm_django.backend",
        "HOST": os.environ.get("APPWRITE_ENDPOINT") or LOCAL,
        "USER": os.environ.get("APPWRITE_PROJECT_ID") or "demo",
        "PASSWORD": os.environ.get("APPWRITE_API_KEY") or "demo-key",
        "NAME": os.environ.get("APPWRITE_DATABASE_ID") or "world",
    },
}
if os.environ.get("APPWRITE_WEBHOOK_SECRET"):
    DATABASES["appwrite"]["OPTIONS"] = {
        "WEBHOOK": {
            "URL": os.environ["APPWRITE_WEBHOOK_URL"],
            "SECRETS": [os.environ["APPWRITE_WEBHOOK_SECRET"]],
        }
    }
# Reads from Appwrite are kept here. One process needs no more; several must share one, or each sees
# the others' writes late.
CACHES = {
    "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": os.environ["REDIS_URL"]}
    if os.environ.get("REDIS_URL")
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
DATABASE_ROUTERS = ["appwrite_orm_django.routers.AppwriteRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Pictures of countries: in a bucket of the same project, which everyone may read.
STORAGES = {
    "default": {
        "BACKEND": "appwrite_orm_django.storage.AppwriteStorage",
        "OPTIONS": {
            "DATABASE": "appwrite",
            "BUCKET": os.environ.get("APPWRITE_BUCKET_ID") or "world-pictures",
            "PERMISSIONS": ['read("any")'],
            "EXTENSIONS": ["gif", "jpeg", "jpg", "png", "webp"],
            "MAX_SIZE": 2_000_000,
            "UNIQUE_NAMES": True,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
