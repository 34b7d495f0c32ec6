"""Jobs that send again what failed at one webhook."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from integrations.ids import uuid7
from webhooks.models.webhook import Webhook


class RecoveryState(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    STOPPED = "stopped", "Stopped"


class Recovery(models.Model):
    """A job that goes through a webhook's failed deliveries from the oldest on, a slice at a time.

    `position` is the last delivery that it has looked at. A slice moves it in the same transaction that sends its
    deliveries again, so that the job may be interrupted anywhere and sends nothing twice.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("integrations.Tenant", on_delete=models.CASCADE, related_name="+")
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, db_constraint=False, related_name="recoveries")
    state = models.CharField(max_length=16, choices=RecoveryState.choices, default=RecoveryState.RUNNING)
    since = models.DateTimeField(help_text="Deliveries accepted from then on,")
    until = models.DateTimeField(help_text="and before then.")
    position = models.UUIDField()
    slice_size = models.IntegerField(default=0, help_text="How many are let into the queue at a time.")
    retried = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0, help_text="Failed, but their payload is gone.")
    reason = models.CharField(max_length=200, blank=True, help_text="Why it was stopped.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_by_name = models.CharField(max_length=254, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "recoveries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["webhook"],
                condition=models.Q(state=RecoveryState.RUNNING),
                name="recovery_one_running",
                violation_error_message="A recovery of this webhook is running.",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["tenant", "-id"], name="recovery_tenant")]

    def __str__(self) -> str:
        return f"recovery {self.id} ({self.state})"
