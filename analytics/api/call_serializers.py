"""What calls look like in answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.models import ErrorKind, WebhookCall
from analytics.queries import DescribedCalls
from integrations.api.stored_json import json_or_text


class CallSerializer(serializers.Serializer[Any]):
    """A call: the last request of a finished delivery, or any of its requests."""

    # The context holds `known`, what was looked up for the whole page.

    id = serializers.UUIDField()
    webhook = serializers.UUIDField(source="target_id")
    workflow_name = serializers.CharField(help_text="As it was when the call was made.")
    delivery = serializers.UUIDField(source="delivery_id", help_text="Sent as `webhook-id`.")
    run = serializers.IntegerField(help_text="Counted from 1; sending a delivery again begins another one.")
    attempt = serializers.IntegerField(help_text="The number of this request in its run.")
    attempts = serializers.SerializerMethodField(help_text="How many requests its run has made.")
    is_final = serializers.BooleanField(help_text="Whether the run ended with this request.")
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
    timestamp = serializers.DateTimeField(help_text="When the request began.")

    @classmethod
    def of(cls, known: DescribedCalls) -> CallSerializer:
        """Return the serializer of a page."""
        return cls(known.calls, many=True, context={"known": known})

    def get_attempts(self, call: WebhookCall) -> int:
        return self._known.requests.get((call.delivery_id, call.run), 1)

    @extend_schema_field(OpenApiTypes.ANY)
    def get_request_payload(self, call: WebhookCall) -> Any:
        payload = self._known.payloads.get(call.event_id)
        return None if payload is None else json_or_text(payload)

    @extend_schema_field(OpenApiTypes.ANY)
    def get_response_body(self, call: WebhookCall) -> Any:
        return json_or_text(call.response_body)

    @property
    def _known(self) -> DescribedCalls:
        known: DescribedCalls = self.context["known"]
        return known
