"""What waits for a webhook, on its way out of the queue or back into it."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models

BEFORE_ALL = UUID(int=0)
BEHIND_ALL = UUID(int=2**128 - 1)


class BacklogKind(models.TextChoices):
    HOLD = "hold", "Hold"
    BRING_BACK = "bring_back", "Bring back"
    EXPIRE = "expire", "Expire"
    CANCEL = "cancel", "Cancel"


class BacklogMove(models.Model):
    """What has to become of all deliveries of a webhook that waits or is held; done a slice at a time.

    One row for a webhook: whoever disables, enables or deletes it says here what is wanted from now on, in the same
    transaction, and so replaces what was wanted before. The webhook itself may be gone.
    """

    webhook_id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey("integrations.Tenant", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=BacklogKind.choices)
    position = models.UUIDField(
        default=BEFORE_ALL, help_text="The last delivery, in the order of their ids, that was looked at for being held."
    )
    moved = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["started_at"], condition=models.Q(finished_at__isnull=True), name="backlog_move_unfinished"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.webhook_id}"
