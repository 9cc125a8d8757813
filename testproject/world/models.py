"""
The ISO tables of countries, subdivisions, currencies, languages and scripts, in Appwrite.

Where a table has a code of its own, the code is the row's ``$id``: a link then reads
``/countries/FR/``, and a foreign key is the code itself. ``CountryName`` has no code and gets the
id that ``AppwriteModel`` makes.
"""

from django.db import models
from django.urls import reverse

from appwrite_orm_django.fields import EnumField
from appwrite_orm_django.models import AppwriteModel


class CodedModel(AppwriteModel):
    """What all tables with a code have in common: the code is the primary key, the name is what people read."""

    id = None

    class Meta:
        abstract = True
        ordering = ["name", "pk"]

    def __str__(self):
        return f"{self.name} ({self.pk})"

    def get_absolute_url(self):
        return reverse(f"world:{self._meta.model_name}-detail", args=[self.pk])


class Country(CodedModel):
    """ISO 3166-1."""

    alpha_2 = models.CharField("code", max_length=2, primary_key=True)
    alpha_3 = models.CharField("three-letter code", max_length=3, unique=True)
    numeric = models.CharField("number", max_length=3, unique=True)
    name = models.CharField(max_length=100, db_index=True)
    picture = models.ImageField(upload_to="countries/", blank=True)

    # A picture goes with its country, or when another one takes its place.
    appwrite_delete_files = True

    class Meta(CodedModel.Meta):
        verbose_name_plural = "countries"


class CountryName(AppwriteModel):
    """Another name of a country, as ISO 3166-1 lists it."""

    class Kind(models.TextChoices):
        OFFICIAL = "official"
        COMMON = "common"

    country = models.ForeignKey(Country, models.CASCADE, related_name="names")
    kind = EnumField(choices=Kind.choices, default=Kind.OFFICIAL)
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["kind", "pk"]
        # Not a UniqueConstraint: Django's inline forms check only this kind, and would let the
        # server refuse the row.
        unique_together = [("country", "kind")]

    def __str__(self):
        return self.name


class FormerCountry(CodedModel):
    """ISO 3166-3: entries that were withdrawn from ISO 3166-1."""

    alpha_4 = models.CharField("code", max_length=4, primary_key=True)
    alpha_2 = models.CharField("former two-letter code", max_length=2)
    alpha_3 = models.CharField("former three-letter code", max_length=3)
    numeric = models.CharField("number", max_length=3, blank=True)
    name = models.CharField(max_length=100, db_index=True)
    # Some entries say no more than the year, so this is text; it sorts as a date would.
    withdrawn = models.CharField(max_length=10, help_text="Year, or year-month-day.")
    comment = models.TextField(blank=True)

    class Meta(CodedModel.Meta):
        verbose_name_plural = "former countries"


class SubdivisionType(CodedModel):
    """What a country calls a kind of subdivision: canton, oblast, prefecture and some hundred more."""

    slug = models.SlugField(max_length=36, primary_key=True)
    name = models.CharField(max_length=100, unique=True)

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("world:subdivision-list", query={"type": self.pk})


class Subdivision(CodedModel):
    """ISO 3166-2. Some lie within another one: a department within its region."""

    code = models.CharField(max_length=6, primary_key=True)
    name = models.CharField(max_length=100, db_index=True)
    country = models.ForeignKey(Country, models.CASCADE, related_name="subdivisions")
    type = models.ForeignKey(SubdivisionType, models.PROTECT, related_name="subdivisions")
    parent = models.ForeignKey(
        "self", models.CASCADE, related_name="children", null=True, blank=True
    )


class Currency(CodedModel):
    """ISO 4217; the table holds metals and test codes too."""

    alpha_3 = models.CharField("code", max_length=3, primary_key=True)
    numeric = models.CharField("number", max_length=3, unique=True)
    name = models.CharField(max_length=100, db_index=True)

    class Meta(CodedModel.Meta):
        verbose_name_plural = "currencies"


class Language(CodedModel):
    """ISO 639-3."""

    class Scope(models.TextChoices):
        INDIVIDUAL = "I", "Individual"
        MACROLANGUAGE = "M", "Macrolanguage"
        SPECIAL = "S", "Special code"

    class Type(models.TextChoices):
        LIVING = "L", "Living"
        EXTINCT = "E", "Extinct"
        HISTORICAL = "H", "Historical"
        CONSTRUCTED = "C", "Constructed"
        SPECIAL = "S", "Special code"

    alpha_3 = models.CharField("code", max_length=3, primary_key=True)
    alpha_2 = models.CharField("two-letter code", max_length=2, null=True, blank=True, unique=True)
    bibliographic = models.CharField("bibliographic code", max_length=3, blank=True)
    name = models.CharField(max_length=100, db_index=True)
    inverted_name = models.CharField(max_length=100, blank=True)
    common_name = models.CharField(max_length=100, blank=True)
    scope = EnumField(choices=Scope.choices, default=Scope.INDIVIDUAL)
    type = EnumField(choices=Type.choices, default=Type.LIVING)

    class Meta(CodedModel.Meta):
        indexes = [
            models.Index(fields=["type"], name="language_type"),
            models.Index(fields=["scope"], name="language_scope"),
        ]


class Script(CodedModel):
    """ISO 15924."""

    alpha_4 = models.CharField("code", max_length=4, primary_key=True)
    numeric = models.CharField("number", max_length=3, unique=True)
    name = models.CharField(max_length=100, db_index=True)
