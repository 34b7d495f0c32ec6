"""Bodies and answers of the ways in. Only shapes are checked here; what may be sent is the services' to say."""

from __future__ import annotations

from rest_framework import serializers

from integrations.api.serializers import ObjectField, StrictSerializer, TextField
from webhooks.api.serializers import WebhookTestResultSerializer

_PAYLOAD_HELP = "A JSON object, at most 256 KiB as compact JSON. It is what the endpoint gets."


class SentBodySerializer(StrictSerializer):
    """What every way in takes."""

    payload = ObjectField(help_text=_PAYLOAD_HELP)
    triggered_by = TextField(
        required=False, allow_blank=True, trim_whitespace=False, max_length=100, help_text="Shown in the calls."
    )
    metadata = ObjectField(
        required=False, allow_null=True, help_text="Notes of your own, at most 16 KiB; shown in the calls, never sent."
    )
    idempotency_key = TextField(
        required=False,
        allow_null=True,
        trim_whitespace=False,
        max_length=255,
        help_text="The same key with the same body within 24 hours: the first answer; with another body: 409.",
    )


class CallBodySerializer(SentBodySerializer):
    """The body of a call and of a broadcast."""

    max_retries = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=20, help_text="Cuts the webhook's schedule short."
    )
    timeout = serializers.FloatField(
        required=False, allow_null=True, min_value=1, max_value=60, help_text="Of one attempt, in seconds."
    )


class EventBodySerializer(SentBodySerializer):
    """The body of an event."""

    type = TextField(
        trim_whitespace=False, max_length=128, help_text="Such as `order.paid`: a-z, 0-9 and _, joined by dots."
    )


class EventBatchBodySerializer(StrictSerializer):
    """The body of a batch, for the API's description: each event of it is read by itself."""

    events = EventBodySerializer(many=True, help_text="1 to 1,000; 8 MiB in all.")


class AcceptedSerializer(serializers.Serializer):
    """What was accepted."""

    id = serializers.UUIDField(help_text="Of the event.")
    deliveries = serializers.ListField(
        child=serializers.UUIDField(), help_text="One for each webhook that gets it; each is its `webhook-id`."
    )


class CalledSerializer(AcceptedSerializer, WebhookTestResultSerializer):
    """What was accepted and, having waited, what came of it. `success` is null while the delivery goes on."""

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        for name in WebhookTestResultSerializer().fields:  # who does not wait gets none of them
            fields[str(name)].required = False
        return fields


class PublishedSerializer(AcceptedSerializer):
    """What was accepted and, having waited, what came of it, by the webhooks' `workflow_name`."""

    results = serializers.DictField(child=WebhookTestResultSerializer(), required=False)


class BatchItemSerializer(serializers.Serializer):
    """What became of one event of a batch."""

    status = serializers.IntegerField(help_text="202, or what the event alone would have been refused with: 409, 422.")
    id = serializers.UUIDField(required=False)
    deliveries = serializers.ListField(child=serializers.UUIDField(), required=False)
    detail = serializers.CharField(required=False, help_text="Why it was refused.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a declared field; the property stays
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


class BatchSerializer(serializers.Serializer):
    """What became of a batch."""

    accepted = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = BatchItemSerializer(many=True, help_text="In the order of the events.")
