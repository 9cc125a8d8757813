"""Records with a hashid of each kind: with and without a descriptor, an object and a prefix."""

from django.db import models
from hashid_field import BigHashidAutoField, HashidAutoField, HashidField


class Artist(models.Model):
    id = HashidAutoField(primary_key=True, salt="artists", alphabet="0123456789abcdef")
    name = models.CharField(max_length=40)


class Record(models.Model):
    id = BigHashidAutoField(primary_key=True)
    name = models.CharField(max_length=40, blank=True)
    artist = models.ForeignKey(
        Artist, on_delete=models.SET_NULL, null=True, blank=True, related_name="records"
    )
    reference_id = HashidField()
    prefixed_id = HashidField(null=True, blank=True, prefix="prefix_")
    string_id = HashidField(null=True, blank=True, enable_hashid_object=False)
    plain_hashid = HashidField(null=True, blank=True, enable_descriptor=False)
    plain_id = HashidField(
        null=True, blank=True, enable_descriptor=False, enable_hashid_object=False
    )
    alternate_id = HashidField(salt="alternate", null=True, blank=True)
    key = HashidField(min_length=10, alphabet="abcdlmnotuvwxyz123789", null=True, blank=True)


class Track(models.Model):
    id = BigHashidAutoField(
        primary_key=True,
        prefix="albumtrack:",
        salt="tracks",
        min_length=10,
        alphabet="abcdefghijklmnop",
    )


class RecordLabel(models.Model):
    id = BigHashidAutoField(primary_key=True, prefix=lambda **_: "label/")
