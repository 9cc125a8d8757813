from django.db import models

from appwrite_orm_django.models import AppwriteModel


class Version(AppwriteModel):
    """A row that says how often it was written, in Appwrite: what the hammer hits."""

    number = models.BigIntegerField(default=0)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"{self.pk}: {self.number}"
