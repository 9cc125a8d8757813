"""Models as they are written for mypy with the plugin of django-stubs: without annotations."""

from __future__ import annotations

from django.db import models

from appwrite_orm_django.fields import OneToOneRelationshipField, RelationshipField
from appwrite_orm_django.managers import AppwriteManager, AppwriteQuerySet
from appwrite_orm_django.models import AppwriteModel


class Room(AppwriteModel):
    name = models.CharField(max_length=50)


class CrateQuerySet(AppwriteQuerySet["Crate"]):
    def heavy(self) -> CrateQuerySet:
        return self.filter(weight__gt=10)


CrateManager = AppwriteManager.from_queryset(CrateQuerySet)


class Crate(AppwriteModel):
    weight = models.IntegerField()
    room = models.ForeignKey(Room, models.CASCADE, related_name="crates")
    next_room = models.ForeignKey(Room, models.CASCADE, null=True, related_name="next_crates")
    door = RelationshipField("stock.Room", models.SET_NULL, related_name="behind")
    sign = OneToOneRelationshipField("stock.Room", models.SET_NULL, related_name="signed")
    allowed = models.ManyToManyField(Room, related_name="allows")

    objects = CrateManager()


class Label(AppwriteModel):
    id = models.AutoField(primary_key=True)
    crate = models.ForeignKey(Crate, models.CASCADE, related_name="labels")

    objects = models.Manager()


class Seal(AppwriteModel):
    id = models.UUIDField(primary_key=True)
    room = models.ForeignKey(Room, models.CASCADE, related_name="seals")

    objects = AppwriteManager()
