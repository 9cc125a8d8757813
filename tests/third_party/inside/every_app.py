"""Settings with the apps of all packages, on one local Appwrite: what ``check`` and ``migrate`` are run with."""

import os

DATABASES = {
    "default": {
        "ENGINE": "appwrite_orm_django.backend",
        "HOST": os.environ["SUITE_DATABASE"],
        "NAME": "every_app",
        "USER": "tests",
        "PASSWORD": "tests",
    }
}
SECRET_KEY = "only for tests"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "/static/"
MEDIA_ROOT = "/nowhere"
ROOT_URLCONF = "every_app_urls"
SITE_ID = 1
INSTALLED_APPS = [
    "appwrite_orm_django",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "actstream",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.idp.oidc",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "auditlog",
    "autoslug",
    "axes",
    "constance",
    "dj_rest_auth",
    "django_celery_beat",
    "django_celery_results",
    "django_comments",
    "django_extensions",
    "django_filters",
    "django_otp",
    "django_otp.plugins.otp_email",
    "django_otp.plugins.otp_hotp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "django_tables2",
    "djmoney",
    "easy_thumbnails",
    "friendship",
    "guardian",
    "import_export",
    "knox",
    "model_utils",
    "modelcluster",
    "mptt",
    "oauth2_provider",
    "ordered_model",
    "organizations",
    "parler",
    "polymorphic",
    "post_office",
    "rest_framework",
    "rest_framework.authtoken",
    "rest_framework_simplejwt.token_blacklist",
    "reversion",
    "safedelete",
    "schedule",
    "silk",
    "simple_history",
    "softdelete",
    "solo",
    "taggit",
    "treebeard",
    "waffle",
    "wagtail",
    "wagtail.admin",
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.contrib.search_promotions",
    "wagtail.contrib.settings",
    "wagtail.documents",
    "wagtail.embeds",
    "wagtail.images",
    "wagtail.locales",
    "wagtail.search",
    "wagtail.sites",
    "wagtail.snippets",
    "wagtail.users",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "silk.middleware.SilkyMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
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
CONSTANCE_BACKEND = "constance.backends.database.DatabaseBackend"
CONSTANCE_CONFIG = {"ANSWER": (42, "a number")}
WAGTAIL_SITE_NAME = "Every app"
WAGTAILADMIN_BASE_URL = "https://example.org"
