"""What receivers look like in bodies and answers. Only shapes are checked here; the rules are the services'."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.api.serializers import StrictSerializer
from integrations.providers.registry import receiving_choices
from webhooks.models import InboundOutcome, Receiver

_COUNTS = {
    "type": "object",
    "properties": {name: {"type": "integer", "description": label} for name, label in InboundOutcome.choices},
    "required": InboundOutcome.values,
}


class ReceiverChangeSerializer(StrictSerializer):
    """A body that changes a receiver."""

    name = serializers.CharField(max_length=60, help_text="`[a-z0-9][a-z0-9_]*`, unique in the tenant.")
    options = serializers.DictField(
        child=serializers.CharField(max_length=100, allow_blank=True),
        required=False,
        help_text=(
            "For `custom`: `scheme` (standard, hmac, token), `header`, `hash`, `encoding`, `prefix`, "
            "`timestamp_header`, `id_header`, `type_header`."
        ),
    )
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=128),
        required=False,
        max_length=50,
        help_text="What is let in; empty: all.",
    )
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=50), required=False, help_text="From where; empty: from everywhere."
    )
    rate_limit_per_minute = serializers.IntegerField(required=False, allow_null=True)
    is_active = serializers.BooleanField(required=False)


class ReceiverWriteSerializer(ReceiverChangeSerializer):
    """A body that creates a receiver."""

    provider = serializers.ChoiceField(choices=receiving_choices())
    secret = serializers.CharField(
        required=False, max_length=256, help_text="Where it comes from the provider; else one is made."
    )


class RotateReceiverSerializer(StrictSerializer):
    secret = serializers.CharField(
        required=False, max_length=256, help_text="The provider's new one; else one is made."
    )


class ReceiverSerializer(serializers.Serializer[Any]):
    """A receiver; its secrets are never shown again."""

    # The context holds `counts`: the counts of each receiver by its id.

    id = serializers.UUIDField()
    name = serializers.CharField()
    provider = serializers.ChoiceField(choices=receiving_choices())
    url = serializers.SerializerMethodField(help_text="The address to give to the sender.")
    options = serializers.DictField(child=serializers.CharField())
    event_types = serializers.ListField(child=serializers.CharField())
    allowed_networks = serializers.ListField(child=serializers.CharField())
    rate_limit_per_minute = serializers.IntegerField(allow_null=True)
    is_active = serializers.BooleanField()
    previous_secret_expires_at = serializers.DateTimeField(allow_null=True)
    counts = serializers.SerializerMethodField(help_text="Requests of the last 30 days by outcome.")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(source="created_by_name")
    updated_at = serializers.DateTimeField()

    def get_url(self, receiver: Receiver) -> str:
        return receiver.address

    @extend_schema_field(_COUNTS)
    def get_counts(self, receiver: Receiver) -> Any:
        return self.context["counts"][receiver.id]


class ReceiverMadeSerializer(ReceiverSerializer):
    """A receiver with what is entered at the sender, shown this one time."""

    secret = serializers.CharField(allow_null=True, help_text="Null in a repeated answer, as is `setup`.")
    verify_token = serializers.CharField(allow_null=True, help_text="For providers that ask for one.")
    setup = serializers.CharField(allow_null=True, help_text="What to do at the provider.")
