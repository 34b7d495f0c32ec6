"""What API keys look like in bodies and answers. Only shapes are checked here; the rules are the services'."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from rest_framework import serializers

from integrations.api.serializers import StrictSerializer
from integrations.api_keys.models import APIKey
from integrations.api_keys.queries import Usage
from integrations.api_keys.rules import MAX_NAME_LENGTH, MAX_NETWORKS, MAX_RATE_LIMIT
from integrations.scopes import Scope
from integrations.services.api_keys import DEFAULT_OVERLAP, LONGEST_OVERLAP

_HOURS: Final = 3600
_YEARS: Final = range(2000, 3000)  # arithmetic overflows at the ends of the calendar


class APIKeySerializer(serializers.ModelSerializer[APIKey]):
    key_prefix = serializers.CharField(help_text="How the key begins: enough to recognise it, not to use it.")
    created_by = serializers.CharField(source="created_by_name", help_text="The person or the key that made it.")

    class Meta:
        model = APIKey
        fields = (
            "id",
            "name",
            "key_prefix",
            "scopes",
            "rate_limit",
            "allowed_networks",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "last_used_address",
            "created_at",
            "created_by",
        )
        read_only_fields = fields


class IssuedKeySerializer(APIKeySerializer):
    secret = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="The whole key. Shown here and never again: null in a repeated answer.",
    )

    class Meta:
        model = APIKey
        fields = (*APIKeySerializer.Meta.fields, "secret")
        read_only_fields = fields


class StrictStringField(serializers.CharField):
    """Text that arrived as text: a number or `true` is a mistake."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """A number that arrived as a number."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class APIKeyCreateSerializer(StrictSerializer):
    name = StrictStringField(max_length=MAX_NAME_LENGTH, help_text="What the key is for.")
    scopes = serializers.ListField(
        child=StrictStringField(),
        help_text=f"What the key may do: {', '.join(f'`{scope}`' for scope in Scope)}; "
        "all of an area as in `webhooks:*`, or `*` for everything.",
    )
    rate_limit = StrictIntegerField(
        required=False, min_value=1, max_value=MAX_RATE_LIMIT, help_text="Requests per hour, 1,000 unless given."
    )
    allowed_networks = serializers.ListField(
        child=StrictStringField(),
        max_length=MAX_NETWORKS,
        required=False,
        help_text="Networks in CIDR form from which alone the key works; empty: from everywhere.",
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="From when on the key no longer works; null: until it is revoked."
    )


class APIKeyChangeSerializer(APIKeyCreateSerializer):
    name = StrictStringField(max_length=MAX_NAME_LENGTH, required=False)
    scopes = serializers.ListField(child=StrictStringField(), required=False)


class APIKeyRotateSerializer(StrictSerializer):
    overlap_hours = StrictIntegerField(
        required=False,
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds()) // _HOURS,
        default=int(DEFAULT_OVERLAP.total_seconds()) // _HOURS,
        help_text="For how long the old key works on; 0 ends it at once.",
    )


class HourSerializer(serializers.Serializer[Any]):
    hour = serializers.DateTimeField(help_text="Its beginning, UTC.")
    requests = serializers.IntegerField()
    errors = serializers.IntegerField(  # type: ignore[assignment]  # a declared field; the property stays
        help_text="Answered with a status of 400 or above."
    )


class UsageSerializer(serializers.Serializer[Usage]):
    """`from` is a word of Python, so these fields are declared by name."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": serializers.DateTimeField(source="start", help_text="The first hour, included."),
            "to": serializers.DateTimeField(source="end", help_text="The end of the last hour, excluded."),
            "requests": serializers.IntegerField(),
            "errors": serializers.IntegerField(),
            "hours": HourSerializer(many=True, help_text="Hours without a request are left out."),
        }


class _MomentField(serializers.DateTimeField):
    def to_internal_value(self, value: Any) -> datetime:
        moment: datetime = super().to_internal_value(value)
        if moment.year not in _YEARS:
            raise serializers.ValidationError(f"Give a time between the years {_YEARS.start} and {_YEARS.stop}.")
        return moment


class UsageParameters(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": _MomentField(required=False, help_text="24 hours before `to` unless given."),
            "to": _MomentField(required=False, help_text="Now unless given."),
        }
