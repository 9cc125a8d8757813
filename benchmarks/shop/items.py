from django.db import models

from appwrite_orm_django.models import AppwriteModel


class Item(AppwriteModel):
    """The six columns of ``contenders.records``, in Appwrite; apart from ``models``, so that other packages' processes know nothing of it."""

    name = models.CharField(max_length=100)
    stock = models.IntegerField()
    active = models.BooleanField()

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name
