from typing_extensions import reveal_type

from stock.models import Crate, Label, Room, Seal

room = Room.objects.get(name="attic")
crate = Crate.objects.get()

# Fields and rows
reveal_type(room.name)  # N: str
reveal_type(room.pk)  # N: str
reveal_type(Room.objects.filter(name="x").values_list("name", flat=True).nocache().prepared()())  # N: list[str]
reveal_type(Room.objects.values("name").nocache().get())  # N: TypedDict({'name': str})
reveal_type(Crate.objects.create(weight=3))  # N: Crate
Room.objects.filter(nme="x")  # E
Room(name=[])  # E

# Managers and primary keys of one's own
reveal_type(Crate.objects.heavy().nocache())  # N: CrateQuerySet
reveal_type(Crate.objects.filter(weight=3).heavy())  # N: CrateQuerySet
reveal_type(Crate.objects.warm())  # N: int
reveal_type(Label.objects)  # N: Manager[Label]
reveal_type(Label.objects.get().id)  # N: int
reveal_type(Seal.objects)  # N: AppwriteManager[Seal]
reveal_type(Seal.objects.get().id)  # N: UUID

# Relations
reveal_type(crate.room)  # N: Room
reveal_type(crate.room_id)  # N: str
reveal_type(crate.next_room_id)  # N: str | None
reveal_type(crate.door)  # N: Room | None
reveal_type(crate.door_id)  # N: str | None
reveal_type(crate.sign)  # N: Room | None
reveal_type(room.crates.get())  # N: Crate
reveal_type(room.crates.nocache())  # N: CrateQuerySet
reveal_type(room.crates.is_cached())  # N: bool
reveal_type(room.behind.heavy())  # N: CrateQuerySet
reveal_type(room.signed)  # N: Crate
reveal_type(room.seals.nocache().first())  # N: Seal | None
reveal_type(room.allows.heavy())  # N: CrateQuerySet
reveal_type(crate.allowed.nocache().get())  # N: Room
reveal_type(crate.labels.get())  # N: Label
room.crates.add(crate)
crate.door = None
crate.door = crate  # E
