"""
Sends the whole library app to Appwrite, its models without ``AppwriteModel`` included, and keeps a copy on the twin.

``AppwriteModel`` of other apps go where they always go.
"""

from django.conf import settings

from appwrite_orm_django.routers import AppwriteRouter


class Router(AppwriteRouter):
    def alias_of(self, model):
        return "appwrite" if model._meta.app_label == "library" else super().alias_of(model)

    def aliases_beside(self):
        return [*super().aliases_beside(), *settings.TWINS.values()]

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if db.startswith("twin"):
            return app_label == "library"
        return super().allow_migrate(db, app_label, model_name, **hints)
