"""Models as they are written for every type checker: what django-stubs leave open without their mypy plugin is annotated."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from appwrite_orm_django.fields import (
    ArrayField,
    EnumField,
    OneToOneRelationshipField,
    PermissionsField,
    RelationshipField,
)
from appwrite_orm_django.managers import AppwriteManager, AppwriteQuerySet
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.orm.relationships import ManyToManyRelationship


class Shelf(AppwriteModel):
    tags = ArrayField(models.CharField(max_length=20))
    numbers = ArrayField(models.IntegerField(), null=True)
    kind = EnumField(choices=[("oak", "Oak"), ("pine", "Pine")])
    finish = EnumField(choices=[("oil", "Oil"), ("wax", "Wax")], null=True)
    permissions = PermissionsField()


class BookQuerySet(AppwriteQuerySet["Book"]):
    def cheap(self) -> BookQuerySet:
        return self.filter(price__lt=10)


class BookManager(AppwriteManager["Book"]):
    def get_queryset(self) -> BookQuerySet:
        return BookQuerySet(self.model, using=self._db)

    def cheap(self) -> BookQuerySet:
        return self.get_queryset().cheap()


class Book(AppwriteModel):
    price: models.IntegerField[int, int] = models.IntegerField()
    shelf: models.ForeignKey[Shelf, Shelf] = models.ForeignKey(Shelf, models.CASCADE)
    label = RelationshipField(Shelf, models.SET_NULL, related_name="labelled")
    cover = OneToOneRelationshipField(Shelf, models.SET_NULL, related_name="covered")
    lists = ManyToManyRelationship(Shelf)
    kept: models.ManyToManyField[Shelf, models.Model] = models.ManyToManyField(Shelf, related_name="keeping")

    objects: ClassVar[BookManager] = BookManager()


class Box(AppwriteModel):
    id: models.AutoField[int, int] = models.AutoField(primary_key=True)

    objects: ClassVar[models.Manager[Box]] = models.Manager()
