from typing_extensions import reveal_type

from shop.models import Book, Box, Shelf

shelf = Shelf.objects.get()
book = Book.objects.get()

# The manager and its querysets
reveal_type(Shelf.objects)  # N: AppwriteManager[Shelf]
reveal_type(shelf)  # N: Shelf
reveal_type(Shelf.objects.filter(kind="oak"))  # N: AppwriteQuerySet[Shelf, Shelf]
reveal_type(Shelf.objects.using("x").select_related(None).order_by("kind"))  # N: AppwriteQuerySet[Shelf, Shelf]
reveal_type(Shelf.objects.nocache().filter(kind="oak").cache(3).first())  # N: Shelf | None
reveal_type(Shelf.objects.filter(kind="oak")[:3])  # N: AppwriteQuerySet[Shelf, Shelf]
reveal_type(list(Shelf.objects.all()))  # N: list[Shelf]
reveal_type(Shelf.objects.prepared())  # N: Prepared[Shelf]
reveal_type(Shelf.objects.filter(kind="oak").prepared()())  # N: list[Shelf]
reveal_type(Shelf.objects.dates("created_at", "day").nocache().get())  # N: date
reveal_type(Shelf.objects.update_or_create(kind="oak"))  # N: tuple[Shelf, bool]
reveal_type(Shelf.objects.bulk_create([shelf]))  # N: list[Shelf]
reveal_type(Shelf.objects.in_bulk())  # N: dict[Any, Shelf]
reveal_type(Shelf.objects.warm())  # N: int
reveal_type(Shelf.objects.refresh())  # N: int
reveal_type(Shelf.objects.is_cached())  # N: bool
reveal_type(Shelf.objects.set_updated(False))  # N: bool
reveal_type(Shelf.objects.filter(kind="oak").is_updated())  # N: bool
Shelf.objects.fliter()  # E
Shelf.objects.cache("long")  # E

# Fields
reveal_type(shelf.id)  # N: str | Any
reveal_type(shelf.created_at)  # N: datetime
reveal_type(shelf.updated_at)  # N: datetime
reveal_type(shelf.tags)  # N: list[str]
reveal_type(shelf.numbers)  # N: list[int] | None
reveal_type(shelf.kind)  # N: str
reveal_type(shelf.finish)  # N: str | None
reveal_type(shelf.permissions)  # N: list[str]
shelf.tags = ["x"]
shelf.tags = "x"  # E
shelf.tags = [1]  # E
shelf.tags = None  # E
shelf.numbers = None
shelf.kind = "oak"
shelf.kind = 3  # E
shelf.kind = None  # E
shelf.finish = None
shelf.titel = "x"  # E
shelf.save(update_fields=["kind"])
shelf.save(update_field=["kind"])  # E

# Managers and primary keys of one's own
reveal_type(Book.objects)  # N: BookManager
reveal_type(book)  # N: Book
reveal_type(Book.objects.cheap().nocache())  # N: BookQuerySet
reveal_type(Book.objects.warm())  # N: int
reveal_type(Box.objects)  # N: Manager[Box]
reveal_type(Box.objects.get())  # N: Box
reveal_type(Box.objects.get().id)  # N: int

# Relations
reveal_type(book.shelf)  # N: Shelf
reveal_type(book.label)  # N: Shelf | None
reveal_type(book.cover)  # N: Shelf | None
reveal_type(book.lists.all().get())  # N: Shelf
reveal_type(book.kept.get())  # N: Shelf
book.label = shelf
book.label = None
book.label = book  # E
