"""Who did what to which object: append-only."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.ids import uuid7


class ActorKind(models.TextChoices):
    USER = "user", "User"
    API_KEY = "api_key", "API key"
    SYSTEM = "system", "System"


class ActivityLog(models.Model):
    """One deed. Names the fields that changed, never their values; a trigger refuses UPDATE and DELETE.

    The actor is kept as plain id and name, so that the entry outlives the person's account.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField(null=True, blank=True, help_text="Empty for deeds that concern the platform.")
    actor_kind = models.CharField(max_length=16, choices=ActorKind.choices)
    actor_id = models.UUIDField(null=True, blank=True)
    actor_name = models.CharField(max_length=254)
    actor_address = models.GenericIPAddressField(null=True, blank=True)
    verb = models.CharField(max_length=64)
    object_kind = models.CharField(max_length=64)
    object_id = models.UUIDField(null=True, blank=True)
    object_name = models.CharField(max_length=254, blank=True)
    changed_fields = models.JSONField(default=list)
    detail = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "activity"
        verbose_name_plural = "activity"
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "-id"], name="activity_tenant"),
            models.Index(fields=["object_id", "-id"], name="activity_object"),
            models.Index(fields=["actor_id", "-id"], name="activity_actor"),
            models.Index(fields=["verb", "-id"], name="activity_verb"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.verb} {self.object_name}"
