"""One model for each thing that the backend has to get right."""

import uuid

from django.conf import settings
from django.db import models

from appwrite_orm_django.fields import ArrayField, EnumField, PermissionsField, RowIdField
from appwrite_orm_django.models import AppwriteModel


class Country(AppwriteModel):
    """A natural key: the code has a column, and is the row's ``$id`` as well."""

    code = models.CharField(max_length=2, primary_key=True)
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Author(AppwriteModel):
    name = models.CharField(max_length=100)
    email = models.EmailField(null=True, blank=True, unique=True)
    country = models.ForeignKey(
        Country, models.SET_NULL, null=True, blank=True, related_name="authors"
    )
    born = models.DateField(null=True, blank=True)
    rating = models.FloatField(null=True, blank=True)

    def __str__(self):
        return self.name


class Tag(AppwriteModel):
    name = models.SlugField(max_length=40, unique=True)

    def __str__(self):
        return self.name


class Book(AppwriteModel):
    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"

    title = models.CharField(max_length=200, db_index=True)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    editor = models.ForeignKey(
        Author, models.SET_NULL, null=True, blank=True, related_name="edited"
    )
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    pages = models.IntegerField(default=0)
    published = models.DateTimeField(null=True, blank=True)
    in_print = models.BooleanField(default=True)
    status = EnumField(choices=Status.choices, default=Status.DRAFT)
    tags = models.ManyToManyField(Tag, related_name="books", blank=True)
    blurb = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["author", "title"], name="one_title_per_author")
        ]

    def __str__(self):
        return self.title


class Review(AppwriteModel):
    book = models.ForeignKey(Book, models.CASCADE, related_name="reviews")
    stars = models.PositiveSmallIntegerField()
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["-stars", "pk"]


class Cover(AppwriteModel):
    book = models.OneToOneField(Book, models.CASCADE, related_name="cover")
    colour = models.CharField(max_length=20)


class Everything(AppwriteModel):
    """Every field type of Django, and ours."""

    char = models.CharField(max_length=50, null=True)
    text = models.TextField(null=True)
    slug = models.SlugField(null=True)
    email = models.EmailField(null=True)
    url = models.URLField(null=True)
    ip = models.GenericIPAddressField(null=True)
    integer = models.IntegerField(null=True)
    small = models.SmallIntegerField(null=True)
    big = models.BigIntegerField(null=True)
    positive = models.PositiveIntegerField(null=True)
    boolean = models.BooleanField(null=True)
    float = models.FloatField(null=True)
    decimal = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    long_decimal = models.DecimalField(max_digits=30, decimal_places=10, null=True)
    datetime = models.DateTimeField(null=True)
    date = models.DateField(null=True)
    time = models.TimeField(null=True)
    duration = models.DurationField(null=True)
    uuid = models.UUIDField(null=True)
    binary = models.BinaryField(null=True)
    json = models.JSONField(null=True)
    file = models.FileField(null=True)
    array = ArrayField(models.CharField(max_length=20), null=True)
    numbers = ArrayField(models.IntegerField(), null=True)
    enum = EnumField(choices=[("a", "A"), ("b", "B")], null=True)
    permissions = PermissionsField()


class Numbered(models.Model):
    """Django's own integer key, on Appwrite."""

    name = models.CharField(max_length=50)
    parent = models.ForeignKey("self", models.CASCADE, null=True)

    class Meta:
        ordering = ["pk"]


class Token(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    label = models.CharField(max_length=30)


class Shelf(AppwriteModel):
    """Has books in places: a many-to-many relation with a model of its own between."""

    label = models.CharField(max_length=30)
    books = models.ManyToManyField(Book, through="Place", related_name="shelves")
    next_to = models.ManyToManyField("self")


class Place(AppwriteModel):
    shelf = models.ForeignKey(Shelf, models.CASCADE, related_name="places")
    book = models.ForeignKey(Book, models.CASCADE, related_name="places")
    position = models.PositiveIntegerField()

    class Meta:
        unique_together = [("shelf", "position")]
        ordering = ["position"]


class Writer(Author):
    """A proxy."""

    class Meta:
        proxy = True


class Publication(AppwriteModel):
    title = models.CharField(max_length=100)


class Magazine(Publication):
    """Has a row here and one in the parent's table."""

    issue = models.IntegerField()
    editor = models.ForeignKey(Author, models.SET_NULL, null=True, related_name="magazines")


class Supplement(Magazine):
    """A third generation."""

    topic = models.CharField(max_length=30)


class Edition(AppwriteModel):
    """Several unique indexes, and moments that Django sets."""

    isbn = models.CharField(max_length=20, unique=True)
    shelfmark = models.CharField(max_length=20, null=True, unique=True)
    house = models.CharField(max_length=50, null=True, db_column="publishing_house")
    number = models.IntegerField(null=True)
    copies = models.IntegerField(default=0)
    released = models.DateTimeField(null=True, unique=True)
    listed = models.DateTimeField(auto_now_add=True)
    counted = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["house", "number"], name="one_number_per_house")
        ]


class Loan(AppwriteModel):
    """Points into another database: whoever borrows is a user of the site."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="loans")
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="loans",
    )
    until = models.DateField(null=True)


def first_owner():
    return Owner.objects.order_by("name").first().pk


def nobody():
    return None


class Owner(AppwriteModel):
    name = models.CharField(max_length=20)


class Possession(AppwriteModel):
    """A foreign key for each ``on_delete``."""

    name = models.CharField(max_length=20)
    cascade = models.ForeignKey(Owner, models.CASCADE, null=True, related_name="cascade_set")
    protect = models.ForeignKey(Owner, models.PROTECT, null=True, related_name="protect_set")
    restrict = models.ForeignKey(Owner, models.RESTRICT, null=True, related_name="restrict_set")
    set_null = models.ForeignKey(Owner, models.SET_NULL, null=True, related_name="set_null_set")
    set_default = models.ForeignKey(
        Owner, models.SET_DEFAULT, null=True, default=nobody, related_name="set_default_set"
    )
    set_value = models.ForeignKey(
        Owner, models.SET(first_owner), null=True, related_name="set_value_set"
    )
    do_nothing = models.ForeignKey(
        Owner, models.DO_NOTHING, null=True, related_name="do_nothing_set"
    )


class Translation(AppwriteModel):
    """A foreign key to a unique field that is not the primary key."""

    tag = models.ForeignKey(Tag, models.CASCADE, to_field="name", related_name="translations")
    text = models.CharField(max_length=40)


class Notice(AppwriteModel):
    """Says how it wants to be cached; docs/howto/caching.md defines the same."""

    text = models.CharField(max_length=100)
    pinned = models.BooleanField(default=False)

    appwrite_cache_timeout = 60
    appwrite_warm = [
        lambda: Notice.objects.filter(pinned=True),
        lambda: Notice.objects.count(),
    ]


class Diary(AppwriteModel):
    """Row security: each row is for whom its permissions say."""

    text = models.CharField(max_length=100)
    mood = models.IntegerField(default=0)
    permissions = PermissionsField()

    appwrite_permissions = ['create("users")']
    appwrite_row_security = True


class Reading(models.Model):
    """Django's own base class, over values of which the server holds less than Python does."""

    value = models.FloatField(null=True, unique=True)
    taken = models.DateTimeField(null=True)
    series = ArrayField(models.DateTimeField())


class Measurement(AppwriteModel):
    reading = models.ForeignKey(
        Reading, models.CASCADE, null=True, to_field="value", related_name="measurements"
    )
    value = models.FloatField(null=True)
    other = models.FloatField(null=True)
    key = models.FloatField(null=True, unique=True)
    count = models.IntegerField(default=0)
    series = ArrayField(models.DateTimeField())


class Lists(AppwriteModel):
    """An array of each type."""

    texts = ArrayField(models.CharField(max_length=20, blank=True))
    integers = ArrayField(models.IntegerField())
    floats = ArrayField(models.FloatField())
    booleans = ArrayField(models.BooleanField())
    decimals = ArrayField(models.DecimalField(max_digits=8, decimal_places=2))
    long_decimals = ArrayField(models.DecimalField(max_digits=30, decimal_places=10))
    moments = ArrayField(models.DateTimeField())
    dates = ArrayField(models.DateField())
    times = ArrayField(models.TimeField())
    durations = ArrayField(models.DurationField())
    uuids = ArrayField(models.UUIDField())
    ips = ArrayField(models.GenericIPAddressField())
    emails = ArrayField(models.EmailField())
    documents = ArrayField(models.JSONField())


class OddNames(AppwriteModel):
    """Names that SQL has to quote, or has a meaning for."""

    id = RowIdField(db_column="$id", editable=False)
    capital = models.CharField(max_length=20, db_column="ID")
    percent = models.IntegerField(db_column="100% of")
    quote = models.IntegerField(db_column='say "hi"', default=0)
    keyword = models.IntegerField(db_column="select", default=0)
    blank = models.IntegerField(db_column="two words", default=0)
    placeholder = models.IntegerField(db_column="a%s", default=0)
    quoted = models.IntegerField(db_column='"whole"', default=0)
    parent = models.ForeignKey(
        "self", models.CASCADE, null=True, db_column="% parent", related_name="children"
    )

    class Meta:
        db_table = '"odd names"'
