"""Sends the whole library app to Appwrite, its models without ``AppwriteModel`` included."""

from appwrite_orm_django.routers import AppwriteRouter


class Router(AppwriteRouter):
    def alias_of(self, model):
        return "appwrite" if model._meta.app_label == "library" else None
