"""What was found, and whom it has to be told."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from analytics.alerts.rule_kinds.registry import kind_choices
from integrations.ids import uuid7


class Alert(models.Model):
    """Trouble of one object under one rule; open until `recovered_at` is set.

    `tenant` is whose object it is, whoever's the rule: a tenant sees what the platform's rules find out about it.
    Trouble that comes back within an hour of its recovery goes on in the same row: `times_opened` counts.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("integrations.Tenant", null=True, on_delete=models.CASCADE, related_name="alerts")
    # A plain id: the rule may be the platform's, and the alert outlives it.
    rule_id = models.UUIDField()
    rule_kind = models.CharField(max_length=32, choices=kind_choices)
    rule_name = models.CharField(max_length=100)
    of_platform = models.BooleanField("rule of the platform")
    object_key = models.CharField(max_length=200)
    object_label = models.CharField(max_length=200)
    value = models.FloatField(null=True)
    sentence = models.CharField(max_length=500)
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    recovered_at = models.DateTimeField(null=True)
    times_opened = models.IntegerField(default=1)
    # What the channels were told last, and when they were last told of an opening.
    is_told = models.BooleanField(default=False)
    told_at = models.DateTimeField(null=True)
    openings_untold = models.IntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rule_id", "object_key"], condition=models.Q(recovered_at=None), name="alert_one_open"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "id"], name="alert_tenant"),
            models.Index(fields=["rule_id", "recovered_at"], name="alert_rule"),
            models.Index(fields=["id"], condition=models.Q(recovered_at=None), name="alert_open"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_name}: {self.object_label}"


class NoticeEvent(models.TextChoices):
    OPENED = "opened", "Opened"
    RECOVERED = "recovered", "Recovered"


class NoticeState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    GIVEN_UP = "given_up", "Given up"


class AlertNotice(models.Model):
    """The outbox: one alert's opening or recovery, to be told in one channel.

    Written by the transaction that opens or ends the alert. What waits for a channel is sent as one message, whose id
    the notices share from the first attempt on.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("integrations.Tenant", null=True, on_delete=models.CASCADE, related_name="+")
    channel = models.ForeignKey(
        "alerts.AlertChannel", on_delete=models.CASCADE, db_constraint=False, related_name="notices"
    )
    alert_id = models.UUIDField()
    event = models.CharField(max_length=16, choices=NoticeEvent.choices)
    shown = models.JSONField(help_text="The alert as it was then.")
    state = models.CharField(max_length=16, choices=NoticeState.choices, default=NoticeState.WAITING)
    message_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["channel", "id"], condition=models.Q(state="waiting"), name="alert_notice_waiting"),
            models.Index(fields=["alert_id"], name="alert_notice_alert"),
            models.Index(fields=["created_at"], name="alert_notice_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.alert_id}"
