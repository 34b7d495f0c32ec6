"""What happened in a tenant, and the bytes that are sent for it. Partitioned by day on the id."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models

from integrations.ids import uuid7


class Event(models.Model):
    """Something that happened. Direct calls and tests are events without a type."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    event_type = models.CharField(max_length=128, blank=True)
    triggered_by = models.CharField(max_length=100, blank=True)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["tenant_id", "id"], name="event_tenant")]

    def __str__(self) -> str:
        return self.event_type or str(self.id)


class RedactionState(models.TextChoices):
    """Whether something has to be taken out of a payload once its deliveries have ended."""

    NONE = "", "Nothing to hide"
    PENDING = "pending", "Waits for its deliveries to end"
    DONE = "done", "Redacted: it cannot be sent again"
    AGAIN = "again", "Redacted; a rule was changed since"


REDACTED: Final = frozenset({RedactionState.DONE, RedactionState.AGAIN})
"""What has lost a part of its payload for ever."""


class Payload(models.Model):
    """An event's payload, stored once, as the text whose bytes are sent. Same id as its event."""

    id = models.UUIDField(primary_key=True, editable=False)
    tenant_id = models.UUIDField()
    body = models.TextField()
    redaction = models.CharField(
        max_length=16, choices=RedactionState.choices, default=RedactionState.NONE, db_default=RedactionState.NONE
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "id"], name="payload_tenant"),
            models.Index(
                fields=["tenant_id", "id"],
                condition=models.Q(redaction__in=[RedactionState.PENDING, RedactionState.AGAIN]),
                name="payload_to_redact",
            ),
        ]

    def __str__(self) -> str:
        return f"payload of {self.id}"
