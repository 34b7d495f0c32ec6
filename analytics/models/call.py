"""One row for each attempt of a delivery. Partitioned by day on the id."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models

from integrations.ids import uuid7

# Lists, totals and alerts are those of webhooks. What else the engine sends has its rows here too, and is told by its room.
COUNTED_KIND: Final = "webhook"


class ErrorKind(models.TextChoices):
    """Why an attempt did not succeed; empty for one that did."""

    STATUS = "status", "The endpoint answered with an error status"
    TIMEOUT = "timeout", "No complete answer in time"
    DNS = "dns", "The host name could not be resolved"
    CONNECT = "connect", "No connection"
    TLS = "tls", "TLS failed"
    PROTOCOL = "protocol", "The answer was no valid HTTP"
    REFUSED = "refused", "The address is not allowed"
    CONFIGURATION = "configuration", "The webhook cannot be sent as it is configured"
    INTERRUPTED = "interrupted", "Sending was interrupted"


class WebhookCall(models.Model):
    """One HTTP request of a delivery. It outlives its webhook until retention removes its partition.

    Refers to everything by plain ids: no foreign key may stand in the way of dropping a partition. The request's
    body is the event's payload, stored once with the event.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    target_kind = models.CharField(max_length=16, default="webhook")
    target_id = models.UUIDField()
    workflow_name = models.CharField(max_length=100)
    delivery_id = models.UUIDField()
    event_id = models.UUIDField()
    event_type = models.CharField(max_length=128, blank=True)
    run = models.IntegerField(default=1)
    attempt = models.IntegerField()
    is_final = models.BooleanField()
    triggered_by = models.CharField(max_length=100, blank=True)
    request_headers = models.JSONField(default=dict)
    status_code = models.IntegerField(null=True)
    response_body = models.TextField(blank=True)
    response_time_ms = models.IntegerField()
    dns_ms = models.IntegerField(null=True)
    connect_ms = models.IntegerField(null=True)
    tls_ms = models.IntegerField(null=True)
    first_byte_ms = models.IntegerField(null=True)
    success = models.BooleanField()
    error_kind = models.CharField(max_length=16, choices=ErrorKind.choices, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    metadata = models.JSONField(default=dict)
    timestamp = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "id"], name="call_tenant"),
            models.Index(fields=["target_id", "id"], name="call_target"),
            models.Index(fields=["delivery_id"], name="call_delivery"),
            # Failures are few and looked for often: without these a search for them reads every success in between.
            models.Index(fields=["tenant_id", "id"], name="call_tenant_failed", condition=models.Q(success=False)),
            models.Index(fields=["target_id", "id"], name="call_target_failed", condition=models.Q(success=False)),
            models.Index(fields=["id"], name="call_failed", condition=models.Q(success=False)),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_name} attempt {self.attempt}"
