"""Messages, and how fast their senders may send."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from integrations.encryption.fields import EncryptedJSONField, SealedModel
from integrations.ids import uuid7
from integrations.models import Integration, Tenant
from integrations.providers.messaging import Channel, MessageState
from integrations.providers.registry import provider_choices
from integrations.resolution import Source

CHANNEL_LABELS = {Channel.WHATSAPP: "WhatsApp", Channel.SMS: "SMS"}


def channel_choices() -> list[tuple[str, str]]:
    return [(channel.value, CHANNEL_LABELS[channel]) for channel in Channel]


def state_choices() -> list[tuple[str, str]]:
    return [(state.value, state.value.capitalize()) for state in MessageState]


def source_choices() -> list[tuple[str, str]]:
    return [(source.value, source.value.capitalize()) for source in Source]


class Message(SealedModel):
    """One message to one person, from the moment it was accepted. Its delivery in the engine has the same id.

    `sending_since` is set right before an attempt's bytes go out, and cleared when it is certain that they led to
    nothing. While it is set and the state is `accepted`, nobody may send it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=16, choices=channel_choices)
    provider = models.CharField(max_length=32, choices=provider_choices)
    integration = models.ForeignKey(
        Integration,
        null=True,
        on_delete=models.SET_NULL,
        db_constraint=False,
        related_name="+",
        help_text="What sends it; empty where that is the platform's environment, or was deleted.",
    )
    source = models.CharField(max_length=16, choices=source_choices, help_text="Whose credentials send it.")
    membership_id = models.UUIDField(null=True, help_text="The member whose own integration came first.")
    to = models.CharField(max_length=20, help_text="E.164, with its plus sign.")
    content = EncryptedJSONField(null=True, help_text="`text` or `template`; empty once its days are over.")
    state = models.CharField(max_length=16, choices=state_choices, default=MessageState.ACCEPTED.value)
    provider_message_id = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True, help_text="In the provider's words.")
    cost = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    currency = models.CharField(max_length=16, blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="How often its bytes went out.")
    sending_since = models.DateTimeField(null=True)
    slot_at = models.DateTimeField(null=True, help_text="When its turn is at the sender's rate, once it had to wait.")
    accepted_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    unknown_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=254, blank=True, help_text="Who said what became of it.")
    settled_note = models.CharField(max_length=500, blank=True)
    triggered_by = models.CharField(max_length=100, blank=True)
    metadata = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=255, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, help_text="Of what was given with the key.")
    # Changes of the state that the tenant was not told of yet, in their order.
    unannounced = ArrayField(models.CharField(max_length=16), default=list)
    updated_at = models.DateTimeField(auto_now=True)

    # Whether it was accepted earlier, under the same idempotency key; set by `send_message`.
    is_replay: bool = False

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="message_one_per_key",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "id"], name="message_tenant"),
            models.Index(fields=["to", "id"], name="message_recipient"),
            models.Index(
                fields=["provider", "provider_message_id"],
                condition=~models.Q(provider_message_id=""),
                name="message_of_provider",
            ),
            models.Index(fields=["integration"], name="message_integration"),
            models.Index(fields=["id"], condition=models.Q(content__isnull=False), name="message_with_content"),
            models.Index(fields=["id"], condition=~models.Q(unannounced=[]), name="message_unannounced"),
            models.Index(fields=["id"], condition=models.Q(state=MessageState.UNKNOWN.value), name="message_unknown"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.to}"


class SenderRate(models.Model):
    """How far ahead the turns of one sender are given out: an integration, or the platform's own account."""

    sender_id = models.UUIDField(primary_key=True, editable=False)
    free_at = models.DateTimeField(help_text="When the next turn is.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["free_at"], name="sender_rate_free")]

    def __str__(self) -> str:
        return str(self.sender_id)
