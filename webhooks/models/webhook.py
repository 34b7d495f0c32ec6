"""Named outgoing endpoints of a tenant, and their totals."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from integrations.counting import counted
from integrations.encryption.fields import EncryptedJSONField, EncryptedTextField, SealedModel
from integrations.encryption.secret import Secret
from integrations.ids import uuid7
from webhooks.signing import Scheme


class RetrySchedule(models.TextChoices):
    QUICK = "quick", "Quick: 3 retries within seconds"
    DURABLE = "durable", "Durable: 9 retries within 28 hours"


class PayloadFormat(models.TextChoices):
    RAW = "raw", "The payload itself"
    STANDARD = "standard", "type, timestamp and data"


class SignatureScheme(models.TextChoices):
    HMAC = Scheme.HMAC.value, "v1: HMAC-SHA256, one shared secret"
    ED25519 = Scheme.ED25519.value, "v1a: ed25519, the receiver has the public key"


class DisabledReason(models.TextChoices):
    MANUAL = "manual", "Disabled by a person"
    GONE = "gone", "The endpoint answered 410 Gone"
    FAILING = "failing", "Nothing but failures for days"


def default_retry_schedule() -> str:
    """Return the schedule of webhooks that do not say their own."""
    return str(settings.WEBHOOK_DEFAULT_RETRY_SCHEDULE)


class Webhook(SealedModel):
    """Where a tenant's deliveries go. Holds no counters: they would rewrite the row with the secrets (see stats)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("integrations.Tenant", on_delete=models.CASCADE, related_name="webhooks")
    integration = models.ForeignKey(
        "integrations.Integration",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        db_constraint=False,
        related_name="webhooks",
        help_text="The integration whose base_url derived addresses use. Empty: the tenant's n8n integration.",
    )
    workflow_name = models.CharField(max_length=100)
    url = EncryptedTextField(null=True, blank=True)
    url_host = models.CharField(max_length=253, blank=True, editable=False)
    description = models.CharField(max_length=500, blank=True)
    is_active = models.BooleanField(default=True)
    auth_token = EncryptedTextField(null=True, blank=True)
    signature_scheme = models.CharField(
        max_length=16,
        choices=SignatureScheme.choices,
        default=SignatureScheme.HMAC,
        help_text="Changing it makes a new signing secret; the old one signs as well for 24 hours.",
    )
    signing_secret = EncryptedTextField()
    # Signs as well until it expires: receivers change to the new one meanwhile.
    previous_signing_secret = EncryptedTextField(null=True, blank=True, editable=False)
    previous_secret_expires_at = models.DateTimeField(null=True, editable=False)
    event_types = models.JSONField(default=list, blank=True)
    headers = EncryptedJSONField(default=dict, blank=True)
    payload_format = models.CharField(max_length=16, choices=PayloadFormat.choices, default=PayloadFormat.RAW)
    retry_schedule = models.CharField(max_length=16, choices=RetrySchedule.choices, default=default_retry_schedule)
    max_retries = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MaxValueValidator(20)])
    retry_client_errors = models.BooleanField(default=True, help_text="Retry the answers 408, 425 and 429.")
    timeout_ms = models.PositiveIntegerField(
        default=30_000, validators=[MinValueValidator(1_000), MaxValueValidator(60_000)]
    )
    max_concurrency = models.PositiveSmallIntegerField(
        default=16, validators=[MinValueValidator(1), MaxValueValidator(256)]
    )
    rate_limit_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    disabled_reason = models.CharField(max_length=16, choices=DisabledReason.choices, blank=True, editable=False)
    disabled_at = models.DateTimeField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_by_name = models.CharField(max_length=254, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["tenant", "workflow_name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "workflow_name"],
                name="webhook_name_unique",
                violation_error_message="This tenant has a webhook of this name already.",
            ),
        ]

    def __str__(self) -> str:
        return self.workflow_name

    def signing_secrets(self, now: datetime) -> list[Secret]:
        """Return what signs at that moment: the secret, and during a rotation the one before, too."""
        expires_at = self.previous_secret_expires_at
        if self.previous_signing_secret is None or expires_at is None or expires_at <= now:
            return [self.signing_secret]
        return [self.signing_secret, self.previous_signing_secret]


class WebhookStats(models.Model):
    """Totals of one webhook, written by the transaction that records its calls. A call is a finished run."""

    webhook = models.OneToOneField(
        Webhook, primary_key=True, on_delete=models.CASCADE, db_constraint=False, related_name="stats"
    )
    tenant = models.ForeignKey("integrations.Tenant", on_delete=models.CASCADE, related_name="+")
    total_calls = models.BigIntegerField(default=0)
    successful_calls = models.BigIntegerField(default=0)
    failed_calls = models.BigIntegerField(default=0)
    attempts = models.BigIntegerField(default=0)
    last_called_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "webhook stats"

    def __str__(self) -> str:
        return f"{counted(self.total_calls, 'call')}"


class WebhookRuntime(models.Model):
    """What the engine must remember of a webhook between deliveries, where every worker sees it.

    See `webhooks.breaker` and `webhooks.engine.token_bucket`. A row appears with the first delivery.
    """

    webhook = models.OneToOneField(
        Webhook, primary_key=True, on_delete=models.CASCADE, db_constraint=False, related_name="runtime"
    )
    tenant = models.ForeignKey("integrations.Tenant", on_delete=models.CASCADE, related_name="+")
    consecutive_failures = models.IntegerField(default=0)
    breaker_open_until = models.DateTimeField(null=True)
    breaker_opened_count = models.IntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    rate_tokens = models.FloatField(default=0)
    rate_refilled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"runtime of {self.webhook_id}"


class TenantRuntime(models.Model):
    """The same of a tenant, while the platform limits each tenant's deliveries. Written by claims only."""

    tenant_id = models.UUIDField(primary_key=True, editable=False)
    rate_tokens = models.FloatField(default=0)
    rate_refilled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"runtime of {self.tenant_id}"
