"""Models that take the places of django-oauth-toolkit's own."""

import uuid

from django.db import models
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractDeviceGrant,
    AbstractGrant,
    AbstractRefreshToken,
)


class SampleApplication(AbstractApplication):
    custom_field = models.CharField(max_length=255)


class SampleGrant(AbstractGrant):
    custom_field = models.CharField(max_length=255)


class SampleDeviceGrant(AbstractDeviceGrant):
    pass


class SampleAccessToken(AbstractAccessToken):
    custom_field = models.CharField(max_length=255)
    source_refresh_token = models.OneToOneField(
        "SampleRefreshToken",
        on_delete=models.SET_NULL,
        null=True,
        related_name="s_refreshed_access_token",
    )
    id_token = models.OneToOneField(
        "oauth2_provider.IDToken",
        on_delete=models.CASCADE,
        null=True,
        related_name="s_access_token",
    )


class SampleRefreshToken(AbstractRefreshToken):
    custom_field = models.CharField(max_length=255)
    access_token = models.OneToOneField(
        SampleAccessToken, on_delete=models.SET_NULL, null=True, related_name="s_refresh_token"
    )


class CustomPkAccessToken(AbstractAccessToken):
    custom_pk = models.UUIDField(primary_key=True, default=uuid.uuid4)
    id = None
    source_refresh_token = models.OneToOneField(
        "CustomPkRefreshToken",
        on_delete=models.SET_NULL,
        null=True,
        related_name="custom_pk_refreshed_access_token",
    )
    id_token = models.OneToOneField(
        "oauth2_provider.IDToken",
        on_delete=models.CASCADE,
        null=True,
        related_name="custom_pk_access_token",
    )


class CustomPkRefreshToken(AbstractRefreshToken):
    custom_pk = models.UUIDField(primary_key=True, default=uuid.uuid4)
    id = None
    access_token = models.OneToOneField(
        CustomPkAccessToken, on_delete=models.SET_NULL, null=True, related_name="refresh_token"
    )
