"""What deliveries and recoveries look like in answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.recording import ErrorKind, WebhookCall
from integrations.api.parameters import MomentField
from integrations.api.serializers import StrictSerializer
from integrations.api.stored_json import json_or_text
from webhooks.delivery_queries import DeliveryInDetail
from webhooks.models import DeliveryState, Recovery, RecoveryState
from webhooks.services.recovering import progress


class DeliverySerializer(serializers.Serializer[Any]):
    """One event on its way to one webhook."""

    id = serializers.UUIDField(source="delivery.id", help_text="Sent as `webhook-id`.")
    webhook = serializers.UUIDField(source="delivery.target_id")
    workflow_name = serializers.CharField(allow_null=True, help_text="Null once the webhook was deleted.")
    event = serializers.UUIDField(source="delivery.event_id")
    event_type = serializers.CharField(help_text="Blank for a direct call.")
    triggered_by = serializers.CharField()
    state = serializers.ChoiceField(source="delivery.state", choices=DeliveryState.choices)
    run = serializers.IntegerField(source="delivery.run", help_text="Sending it again begins a new run.")
    attempts = serializers.IntegerField(source="delivery.attempts", help_text="Of this run.")
    last_status_code = serializers.IntegerField(source="delivery.last_status_code", allow_null=True)
    last_error = serializers.CharField(source="delivery.last_error")
    next_attempt_at = serializers.DateTimeField(source="delivery.next_attempt_at", allow_null=True)
    created_at = serializers.DateTimeField(source="delivery.created_at")
    finished_at = serializers.DateTimeField(source="delivery.finished_at", allow_null=True)


class AttemptSerializer(serializers.Serializer[Any]):
    """One HTTP request of a delivery."""

    id = serializers.UUIDField()
    run = serializers.IntegerField()
    attempt = serializers.IntegerField()
    timestamp = serializers.DateTimeField(help_text="When it began.")
    success = serializers.BooleanField()
    status_code = serializers.IntegerField(allow_null=True, help_text="Null where no answer came.")
    error_kind = serializers.ChoiceField(choices=ErrorKind.choices, allow_blank=True)
    error_message = serializers.CharField()
    request_headers = serializers.DictField(child=serializers.CharField(), help_text="Without credentials.")
    response_body = serializers.SerializerMethodField(help_text="JSON, or text where it is none; cut at 16 KiB.")
    response_time_ms = serializers.IntegerField()
    dns_ms = serializers.IntegerField(allow_null=True)
    connect_ms = serializers.IntegerField(allow_null=True, help_text="Null where a connection was used again.")
    tls_ms = serializers.IntegerField(allow_null=True)
    first_byte_ms = serializers.IntegerField(allow_null=True)

    @extend_schema_field(OpenApiTypes.ANY)
    def get_response_body(self, call: WebhookCall) -> Any:
        return json_or_text(call.response_body)


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with everything that happened to it."""

    is_on_the_wire = serializers.BooleanField(help_text="Whether an engine is sending it at this moment.")
    metadata = serializers.DictField()
    request_payload = serializers.SerializerMethodField(
        help_text="Null once its retention has passed; what redaction rules hide is `***`."
    )
    attempt_history = AttemptSerializer(many=True, help_text="Of all runs, oldest first.")

    def to_representation(self, instance: DeliveryInDetail) -> dict[str, Any]:
        """Show the fields of the delivery, and beside them what is known in detail."""
        detail = instance
        shown: dict[str, Any] = DeliverySerializer(detail.described).data
        return {
            **shown,
            "is_on_the_wire": detail.is_on_the_wire,
            "metadata": detail.event.metadata if detail.event else {},
            "request_payload": self.get_request_payload(detail),
            "attempt_history": AttemptSerializer(detail.attempts, many=True).data,
        }

    @extend_schema_field(OpenApiTypes.ANY)
    def get_request_payload(self, detail: DeliveryInDetail) -> Any:
        return None if detail.payload is None else json_or_text(detail.payload)


class RecoverySerializer(serializers.Serializer[Any]):
    """A job that sends again what failed."""

    id = serializers.UUIDField()
    webhook = serializers.UUIDField(source="webhook_id")
    state = serializers.ChoiceField(choices=RecoveryState.choices)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    progress = serializers.SerializerMethodField(help_text="How much of that time it has gone through, from 0 to 1.")
    retried = serializers.IntegerField(help_text="Deliveries that were sent again so far.")
    skipped = serializers.IntegerField(help_text="Failed ones whose payload is gone.")
    reason = serializers.CharField(help_text="Why it was stopped.")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(source="created_by_name")
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_progress(self, recovery: Recovery) -> float:
        return round(progress(recovery), 4)


class RecoverSerializer(StrictSerializer):
    since = MomentField(help_text="What was accepted from then on.")
    until = MomentField(required=False, help_text="And before then; now unless given.")
