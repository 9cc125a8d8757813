"""What a small project has: authors, books, tags, and as many further tables as ``TABLES`` says."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)
    joined = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    name = models.SlugField(unique=True)

    def __str__(self) -> str:
        return self.name


class Book(models.Model):
    title = models.CharField(max_length=200, db_index=True)
    author = models.ForeignKey(Author, models.CASCADE)
    tags = models.ManyToManyField(Tag)
    pages = models.IntegerField(default=0)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    published = models.DateField(null=True)
    in_print = models.BooleanField(default=True)

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


def _further(number: int) -> type[models.Model]:
    fields = {
        "__module__": __name__,
        "name": models.CharField(max_length=100, db_index=True),
        "count": models.IntegerField(default=0),
        "made": models.DateTimeField(null=True),
        "author": models.ForeignKey(Author, models.CASCADE, related_name="+"),
    }
    return type(f"Further{number}", (models.Model,), fields)


FURTHER = [_further(number) for number in range(getattr(settings, "TABLES", 0))]
