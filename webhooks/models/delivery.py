"""Deliveries: the history (partitioned) and the queue (`due`: small, hot, unpartitioned)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from integrations.ids import uuid7


class TargetKind(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    MESSAGE = "message", "Message"


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Pending"
    RETRYING = "retrying", "Retrying"
    HELD = "held", "Held"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    UNKNOWN = "unknown", "Unknown"


class Delivery(models.Model):
    """One event on its way to one target. Written when accepted and when it ends; no state in an index."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    target_kind = models.CharField(max_length=16, choices=TargetKind.choices, default=TargetKind.WEBHOOK)
    target_id = models.UUIDField()
    event_id = models.UUIDField()
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.IntegerField(default=0)
    run = models.IntegerField(default=1, help_text="A manual retry is a new run.")
    last_status_code = models.IntegerField(null=True)
    last_error = models.CharField(max_length=500, blank=True)
    # Set by the caller for this delivery alone; null means what the target says.
    max_retries = models.SmallIntegerField(null=True)
    timeout_ms = models.IntegerField(null=True)
    retry_schedule = models.CharField(max_length=16, blank=True)
    next_attempt_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "deliveries"
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "id"], name="delivery_tenant"),
            models.Index(fields=["target_id", "id"], name="delivery_target"),
            models.Index(fields=["event_id"], name="delivery_event"),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"


class Due(models.Model):
    """The queue: one row for each delivery that still has to happen, deleted when it ends.

    `lease_by` names the engine that holds the row; rows of an engine that fell silent are released.
    """

    delivery_id = models.UUIDField(primary_key=True, editable=False)
    tenant_id = models.UUIDField()
    target_kind = models.CharField(max_length=16, choices=TargetKind.choices, default=TargetKind.WEBHOOK)
    target_id = models.UUIDField()
    event_id = models.UUIDField()
    due_at = models.DateTimeField()
    attempt = models.IntegerField(default=0, help_text="Attempts made so far in this run.")
    run = models.IntegerField(default=1)
    max_retries = models.SmallIntegerField(null=True)
    timeout_ms = models.IntegerField(null=True)
    retry_schedule = models.CharField(max_length=16, blank=True)
    lease_by = models.UUIDField(null=True)
    leased_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhooks_due"
        verbose_name_plural = "due"
        indexes: ClassVar = [
            # Neither is told when a row is leased: the lease is no column of the first, and a BRIN index, which only knows
            # what ranges of pages hold, need not learn of each version of a row. So leasing writes one page and no index.
            models.Index(fields=["tenant_id", "target_id", "due_at"], name="due_by_target"),
            BrinIndex(fields=["lease_by"], name="due_leases", pages_per_range=32, autosummarize=True),
        ]

    def __str__(self) -> str:
        return str(self.delivery_id)


class Engine(models.Model):
    """A running delivery engine. Its leases hold as long as its heartbeat is younger than 20 seconds."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(auto_now_add=True)
    in_flight = models.IntegerField(default=0, help_text="Deliveries held or not yet recorded at the last heartbeat.")

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class IdempotencyKey(models.Model):
    """A key a caller gave, and what was answered to it. Unpartitioned: uniqueness must hold over all days."""

    pk = models.CompositePrimaryKey("tenant_id", "key")
    tenant_id = models.UUIDField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    event_id = models.UUIDField(null=True)
    status_code = models.SmallIntegerField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="idempotency_expiry")]

    def __str__(self) -> str:
        return self.key
