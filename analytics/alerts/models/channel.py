"""Where alerts are told: an e-mail, a Slack incoming webhook, a signed webhook."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from analytics.alerts.channel_kinds.registry import channel_choices
from integrations.encryption.fields import EncryptedTextField, SealedModel
from integrations.ids import uuid7


class AlertChannel(SealedModel):
    """One way to reach people. Without a tenant it is the platform's.

    `failures` counts the messages in a row that did not get through, `retry_at` is when the next one is tried, and
    `leased_until` keeps other workers off while one is sending.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        "integrations.Tenant", null=True, blank=True, on_delete=models.CASCADE, related_name="alert_channels"
    )
    kind = models.CharField(max_length=16, choices=channel_choices)
    name = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    recipients = models.JSONField(default=list, blank=True, help_text="E-mail addresses.")
    # Slack's address is a secret by itself, and others may hold a token: encrypted, the host in clear.
    url = EncryptedTextField(null=True, blank=True)
    url_host = models.CharField(max_length=253, blank=True, editable=False)
    secret = EncryptedTextField(null=True, blank=True, help_text="Signs what a signed webhook is sent.")
    rule_kinds = models.JSONField(default=list, blank=True, help_text="What is told here; everything when empty.")
    failures = models.IntegerField(default=0, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    last_failed_at = models.DateTimeField(null=True, editable=False)
    last_sent_at = models.DateTimeField(null=True, editable=False)
    retry_at = models.DateTimeField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_by_name = models.CharField(max_length=254, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.name
