"""Data keys, and what running processes know of the master keys."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.ids import uuid7


class DataKeyState(models.TextChoices):
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"
    DESTROYED = "destroyed", "Destroyed"


class DataKey(models.Model):
    """The key under which one tenant's (or, without a tenant, the platform's) values are encrypted.

    The key itself is stored wrapped by a master key, which `master_fingerprint` names. A destroyed key's
    wrapped bytes are gone: what was written under it is unreadable from then on, in backups of its rows too.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        "integrations.Tenant", null=True, on_delete=models.CASCADE, related_name="data_keys", editable=False
    )
    state = models.CharField(max_length=16, choices=DataKeyState.choices, default=DataKeyState.ACTIVE)
    wrapped_key = models.TextField(blank=True, editable=False)
    master_fingerprint = models.CharField(max_length=16, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, editable=False)
    destroyed_at = models.DateTimeField(null=True, editable=False)
    # Row locks need the UPDATE privilege on some column; the tenant role has it on this one, which means nothing.
    locked_by_writers = models.BooleanField(default=False, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(state=DataKeyState.ACTIVE),
                nulls_distinct=False,
                name="data_key_one_active",
            ),
        ]

    def __str__(self) -> str:
        return f"data key {self.id} ({self.state})"


class DataKeyRotation(models.Model):
    """A rotation of data keys that was begun and is not finished; its end removes the row.

    It replaces the keys that were made before it began. So one that was killed goes on where it was, and two that run
    at once do not replace each other's new keys.
    """

    covers = models.CharField(
        primary_key=True, max_length=36, help_text="“all”, “platform”, or the id of the one tenant that is concerned."
    )
    started_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"rotation of data keys ({self.covers}) since {self.started_at:%Y-%m-%d %H:%M}"


class ProcessHeartbeat(models.Model):
    """A running web or worker process and the master keys that it knows, by fingerprint.

    Re-wrapping under a new master key is refused while a live process does not know that key.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    master_fingerprints = models.JSONField(default=list)
    started_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.host}:{self.pid}"
