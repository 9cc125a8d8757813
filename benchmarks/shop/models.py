from django.db import models


class Product(models.Model):
    """The six columns of ``contenders.records``."""

    id = models.CharField(max_length=36, primary_key=True)
    name = models.CharField(max_length=100)
    stock = models.IntegerField()
    active = models.BooleanField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name


class PlainVersion(models.Model):
    """``versions.Version`` in SQLite, for packages that cache what is there."""

    id = models.CharField(max_length=36, primary_key=True)
    number = models.BigIntegerField(default=0)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"{self.pk}: {self.number}"


class PlainHot(models.Model):
    """``versions.Hot`` in SQLite, for packages that cache what is there."""

    id = models.CharField(max_length=36, primary_key=True)
    number = models.BigIntegerField(default=0)
    category = models.CharField(max_length=20, db_index=True)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"{self.pk}: {self.number} in {self.category}"
