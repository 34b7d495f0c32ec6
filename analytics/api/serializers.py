"""What calls and summaries look like in answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.models import ErrorKind, WebhookCall
from integrations.api.stored_json import json_or_text


class CallSerializer(serializers.Serializer):
    """One HTTP request of a delivery."""

    # The context holds `payloads`: the text of each event's payload by the event's id.

    id = serializers.UUIDField()
    webhook = serializers.UUIDField(source="target_id")
    workflow_name = serializers.CharField(help_text="As it was when the call was made.")
    delivery = serializers.UUIDField(source="delivery_id", help_text="Sent as `webhook-id`.")
    attempt = serializers.IntegerField()
    is_final = serializers.BooleanField(help_text="Whether the delivery ended with this attempt.")
    event_type = serializers.CharField(allow_blank=True)
    triggered_by = serializers.CharField(allow_blank=True)
    request_payload = serializers.SerializerMethodField(help_text="Null once its retention has passed.")
    request_headers = serializers.DictField(child=serializers.CharField(), help_text="Without credentials.")
    status_code = serializers.IntegerField(allow_null=True, help_text="Null where no answer came.")
    response_body = serializers.SerializerMethodField(help_text="JSON, or text where it is none; cut at 16 KiB.")
    response_time_ms = serializers.IntegerField()
    success = serializers.BooleanField()
    error_kind = serializers.ChoiceField(choices=ErrorKind.choices, allow_blank=True)
    error_message = serializers.CharField(allow_blank=True)
    metadata = serializers.DictField()
    timestamp = serializers.DateTimeField(help_text="When the attempt began.")

    @extend_schema_field(OpenApiTypes.ANY)
    def get_request_payload(self, call: WebhookCall) -> Any:
        payload = self.context["payloads"].get(call.event_id)
        return None if payload is None else json_or_text(payload)

    @extend_schema_field(OpenApiTypes.ANY)
    def get_response_body(self, call: WebhookCall) -> Any:
        return json_or_text(call.response_body)


class SummarySerializer(serializers.Serializer):
    """Sums over whole hours."""

    webhook = serializers.UUIDField(source="webhook_id", allow_null=True, help_text="Null: all webhooks.")
    total_calls = serializers.IntegerField(help_text="Finished runs of deliveries.")
    successful_calls = serializers.IntegerField()
    failed_calls = serializers.IntegerField()
    attempts = serializers.IntegerField(help_text="HTTP requests, retries included.")
    success_rate = serializers.FloatField(
        allow_null=True, help_text="Percent of the calls, cut to two decimals; null without calls."
    )
    average_response_time_ms = serializers.FloatField(allow_null=True, help_text="Of all attempts.")
    p50 = serializers.IntegerField(allow_null=True, help_text="Estimated response time in ms, of all attempts.")
    p95 = serializers.IntegerField(allow_null=True)
    p99 = serializers.IntegerField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        return {
            "from": serializers.DateTimeField(source="start", help_text="The first hour, included."),
            "to": serializers.DateTimeField(source="end", help_text="The end of the last hour, excluded."),
            **super().get_fields(),
        }
