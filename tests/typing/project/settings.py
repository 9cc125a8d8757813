SECRET_KEY = "typing"
INSTALLED_APPS = ["django.contrib.contenttypes", "appwrite_orm_django", "shop", "stock"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "appwrite": {
        "ENGINE": "appwrite_orm_django.backend",
        "HOST": "http://127.0.0.1:1/v1",
        "USER": "project",
        "PASSWORD": "key",
        "NAME": "database",
    },
}
DATABASE_ROUTERS = ["appwrite_orm_django.routers.AppwriteRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
