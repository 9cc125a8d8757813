from django.db import models

from appwrite_orm_django.models import AppwriteModel


class Version(AppwriteModel):
    """A row that says how often it was written, in Appwrite: what the hammer hits."""

    number = models.BigIntegerField(default=0)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"{self.pk}: {self.number}"


class Hot(AppwriteModel):
    """A row of a table that is written all the time, in Appwrite; see ``benchmarks.hot_tables``."""

    number = models.BigIntegerField(default=0)
    category = models.CharField(max_length=20, db_index=True)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"{self.pk}: {self.number} in {self.category}"
