"""What of a tenant's payloads is hidden wherever they are shown, and not kept once they were delivered."""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from integrations.ids import uuid7

NOTHING_MARKED: Final = UUID(int=0)


class RedactionRule(models.Model):
    """The paths that are hidden of events of one type or pattern of types.

    What was accepted before the rule was made or changed is marked for redaction by a task, in the order of the ids:
    `marked_up_to` says how far it is, None that all is marked.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("integrations.Tenant", on_delete=models.CASCADE, related_name="+")
    event_type = models.CharField(
        max_length=128, help_text="A type such as order.paid, order.* for all below, or * for everything."
    )
    paths = ArrayField(
        models.CharField(max_length=200), help_text="JSONPaths such as $.customer.email, $.items[*].card, $..password."
    )
    marked_up_to = models.UUIDField(null=True, default=NOTHING_MARKED, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by_name = models.CharField(max_length=254, blank=True, editable=False)
    changed_at = models.DateTimeField(auto_now_add=True, help_text="When its type or paths were last changed.")

    class Meta:
        ordering: ClassVar = ["tenant", "event_type"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "event_type"],
                name="redaction_rule_unique",
                violation_error_message="There is a rule for this event type already.",
            ),
        ]

    def __str__(self) -> str:
        return self.event_type
