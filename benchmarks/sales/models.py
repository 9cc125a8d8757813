import datetime

from django.db import models

from appwrite_orm_django.models import AppwriteModel


class Region(AppwriteModel):
    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Seller(AppwriteModel):
    name = models.CharField(max_length=50)
    region = models.ForeignKey(Region, models.CASCADE)

    def __str__(self) -> str:
        return self.name


class Sale(AppwriteModel):
    seller = models.ForeignKey(Seller, models.CASCADE)
    kind = models.CharField(max_length=20)
    amount = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.kind}: {self.amount}"


ALL = (Region, Seller, Sale)


def fill(using: str, rows: int) -> None:
    """Make so many sales of 100 sellers in 10 regions."""
    regions = [Region(pk=f"region{number}", name=f"region {number}") for number in range(10)]
    sellers = [
        Seller(pk=f"seller{number}", name=f"seller {number}", region=regions[number % 10])
        for number in range(100)
    ]
    sales = [
        Sale(
            pk=f"sale{number}",
            seller=sellers[number % 100],
            kind=f"kind {number % 7}",
            amount=number,
        )
        for number in range(rows)
    ]
    # Appwrite says itself when a row was made; SQLite wants to be told.
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    for one in (*regions, *sellers, *sales) if using == "default" else ():
        one.created_at = one.updated_at = now
    for made in (regions, sellers, sales):
        type(made[0]).objects.using(using).bulk_create(made)
