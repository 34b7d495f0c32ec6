"""API keys, and how much each was used."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from integrations.activity.models import ActorKind
from integrations.ids import uuid7

DEFAULT_RATE_LIMIT: Final = 1_000


class APIKeyQuerySet(models.QuerySet["APIKey"]):
    def live(self, now: datetime) -> Self:
        """Leave out keys that were revoked or have expired by `now`."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


class APIKey(models.Model):
    """A tenant backend's credential. What is stored lets a key be recognised, never be told.

    `key_prefix`, the start of the key, is public and finds the row; `key_hash` is an HMAC of the whole key under the
    pepper that `pepper_fingerprint` names. Who made it is kept as plain id and name, which outlive the maker.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("integrations.Tenant", on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    key_prefix = models.CharField(max_length=32, unique=True, editable=False)
    key_hash = models.CharField(max_length=64, editable=False)
    pepper_fingerprint = models.CharField(max_length=16, editable=False)
    scopes = ArrayField(models.CharField(max_length=64))
    allowed_networks = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    rate_limit = models.PositiveIntegerField(default=DEFAULT_RATE_LIMIT, help_text="Requests per hour.")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    rotated_from = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, db_constraint=False, related_name="successors", editable=False
    )
    last_used_at = models.DateTimeField(null=True, editable=False)
    last_used_address = models.GenericIPAddressField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by_kind = models.CharField(max_length=16, choices=ActorKind.choices, editable=False)
    created_by_id = models.UUIDField(null=True, editable=False)
    created_by_name = models.CharField(max_length=254, editable=False)

    objects = APIKeyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "API key"
        indexes: ClassVar = [models.Index(fields=["tenant", "-id"], name="api_key_tenant")]

    def __str__(self) -> str:
        return self.name

    def is_live(self, now: datetime) -> bool:
        """Tell whether the key is neither revoked nor expired at `now`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class APIKeyUsage(models.Model):
    """The requests of one key in one hour (UTC). Plain ids: a row may arrive up to a minute after its key was deleted."""

    pk = models.CompositePrimaryKey("tenant_id", "api_key_id", "hour")
    tenant_id = models.UUIDField()
    api_key_id = models.UUIDField()
    hour = models.DateTimeField()
    requests = models.BigIntegerField(default=0)
    errors = models.BigIntegerField(default=0, help_text="Those that were answered with a status of 400 or above.")

    class Meta:
        verbose_name = "API key usage"
        verbose_name_plural = "API key usage"
        indexes: ClassVar = [models.Index(fields=["hour"], name="api_key_usage_hour")]

    def __str__(self) -> str:
        return f"{self.api_key_id} {self.hour:%Y-%m-%d %H}h"
