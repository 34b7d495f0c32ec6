"""What is watched: rules of the platform and of tenants, and which of the platform's a tenant does not want to hear of."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from analytics.alerts.rule_kinds.registry import kind_choices
from integrations.ids import uuid7


class AlertRule(models.Model):
    """A kind of trouble to look for, with its bounds. Without a tenant it is the platform's and watches all tenants."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        "integrations.Tenant", null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules"
    )
    kind = models.CharField(max_length=32, choices=kind_choices)
    name = models.CharField(max_length=100)
    parameters = models.JSONField(default=dict, blank=True, help_text="What differs from the kind's defaults.")
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField("default rule", default=False, editable=False)
    # Why the last evaluation failed; empty while it works. Written when that changes.
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_by_name = models.CharField(max_length=254, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind"],
                condition=models.Q(is_default=True),
                name="alert_rule_one_default",
                violation_error_message="This kind has its default rule already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AlertMute(models.Model):
    """A tenant's wish not to hear of what one of the platform's rules finds out about it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("integrations.Tenant", on_delete=models.CASCADE, related_name="alert_mutes")
    # A plain id: the rule has no tenant, so no composite foreign key can point at it.
    rule_id = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "rule_id"], name="alert_mute_unique")]

    def __str__(self) -> str:
        return str(self.rule_id)
