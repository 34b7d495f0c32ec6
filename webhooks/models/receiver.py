"""Receiving: who may send to a tenant, what has arrived, and how much of it was let in."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from integrations.encryption.fields import EncryptedTextField, SealedModel
from integrations.encryption.secret import Secret
from integrations.ids import uuid7
from integrations.providers.registry import receiving_choices


class Receiver(SealedModel):
    """An address of a tenant at which one external system delivers its webhooks, and how that system proves itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("integrations.Tenant", on_delete=models.CASCADE, related_name="receivers")
    provider = models.CharField(max_length=32, choices=receiving_choices)
    name = models.CharField(max_length=60)
    secret = EncryptedTextField()
    # Proves as well until it expires: senders change to the new one meanwhile.
    previous_secret = EncryptedTextField(null=True, blank=True, editable=False)
    previous_secret_expires_at = models.DateTimeField(null=True, editable=False)
    verify_token = EncryptedTextField(null=True, blank=True, editable=False)
    options = models.JSONField(default=dict, blank=True, help_text="How a sender without a provider of its own signs.")
    event_types = models.JSONField(default=list, blank=True, help_text="What is let in; all when empty.")
    allowed_networks = models.JSONField(default=list, blank=True, help_text="From where; from everywhere when empty.")
    rate_limit_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_by_name = models.CharField(max_length=254, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["tenant", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="receiver_name_unique",
                violation_error_message="This tenant has a receiver of this name already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """The URL to give to the sender."""
        return f"{settings.APP_URL}/api/webhooks/in/{self.pk}"

    def secrets(self, now: datetime) -> list[Secret]:
        """Return what proves a sender at that moment: the secret, and during a rotation the one before, too."""
        expires_at = self.previous_secret_expires_at
        if self.previous_secret is None or expires_at is None or expires_at <= now:
            return [self.secret]
        return [self.secret, self.previous_secret]


class InboundState(models.TextChoices):
    STORED = "stored", "Stored"
    PUBLISHED = "published", "Published"
    DUPLICATE = "duplicate", "Duplicate"
    IGNORED = "ignored", "Ignored"
    REFUSED = "refused", "Refused"


class InboundRequest(models.Model):
    """A request that proved itself, as it arrived. Its body goes once it was published: the event has it then."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, db_constraint=False, related_name="requests")
    state = models.CharField(max_length=16, choices=InboundState.choices, default=InboundState.STORED)
    detail = models.CharField(max_length=200, blank=True)
    url = models.CharField(max_length=2000)
    headers = models.JSONField(default=dict, help_text="Without what proves the sender.")
    body = models.BinaryField(null=True)
    event_ids = models.JSONField(default=list)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["receiver", "id"], name="inbound_receiver"),
            models.Index(fields=["tenant_id", "id"], name="inbound_tenant"),
            models.Index(fields=["id"], condition=models.Q(state=InboundState.STORED), name="inbound_stored"),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"


class InboundKey(models.Model):
    """What tells one event of a sender from another, kept for as long as senders repeat themselves."""

    pk = models.CompositePrimaryKey("tenant_id", "receiver_id", "key")
    tenant_id = models.UUIDField()
    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    key = models.CharField(max_length=200)
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="inbound_key_expiry")]

    def __str__(self) -> str:
        return self.key


class InboundOutcome(models.TextChoices):
    """What became of a request, for the counts."""

    ACCEPTED = "accepted", "Accepted"
    DUPLICATE = "duplicate", "Duplicate"
    IGNORED = "ignored", "Ignored: an event type that is not wanted"
    SIGNATURE = "signature", "Refused: wrong signature"
    STALE = "stale", "Refused: old timestamp"
    NETWORK = "network", "Refused: from another network"
    RATE = "rate", "Refused: too many"
    TOO_LARGE = "too_large", "Refused: too large"
    MALFORMED = "malformed", "Refused: makes no sense"


class ReceiverCount(models.Model):
    """How many requests of an hour had an outcome."""

    pk = models.CompositePrimaryKey("tenant_id", "receiver_id", "hour", "outcome")
    tenant_id = models.UUIDField()
    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    hour = models.DateTimeField()
    outcome = models.CharField(max_length=16, choices=InboundOutcome.choices)
    requests = models.BigIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["hour"], name="receiver_count_hour")]

    def __str__(self) -> str:
        return f"{self.requests} {self.outcome}"
