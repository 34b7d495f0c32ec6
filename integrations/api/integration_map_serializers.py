"""The platform's map of a tenant's integrations, for the OpenAPI documents: each slot, all items, the figures."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers

from integrations.api.integration_item_serializers import ITEMS, item_examples
from integrations.api.integration_serializers import SHOWN, one_of, shown_example
from integrations.models import Health
from integrations.providers.registry import providers_of_slot, slots

_SLOTS_SHOWN: Final = 3


class StatisticsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    active = serializers.IntegerField()
    inactive = serializers.IntegerField(help_text="Switched off by a person.")
    error = serializers.IntegerField(help_text="Enabled, but failing, to be connected anew, or unreadable.")
    by_provider = serializers.DictField(child=serializers.IntegerField())
    by_health = serializers.DictField(child=serializers.IntegerField())


_STATISTICS: Final = {
    "total": 3,
    "active": 1,
    "inactive": 1,
    "error": 1,
    "by_provider": {"n8n": 2, "whatsapp": 1},
    "by_health": {**dict.fromkeys(Health.values, 0), "unknown": 2, "failing": 1},
}
STATISTICS: Final = OpenApiExample("Three integrations", value=_STATISTICS, response_only=True)


def _slot_field(slot: str) -> serializers.Field:
    kinds = [SHOWN[provider.key] for provider in providers_of_slot(slot)]
    if len(kinds) == 1:
        return kinds[0](allow_null=True, help_text="Null where the slot is empty.")
    described = extend_schema_field(one_of(f"{slot.capitalize()}Integration", kinds))(serializers.JSONField)
    return described(allow_null=True)


INTEGRATION_MAP = type(
    "IntegrationMap",
    (serializers.Serializer,),
    {
        **{slot: _slot_field(slot) for slot in slots()},
        "items": extend_schema_field(ITEMS)(serializers.JSONField)(help_text="All integrations, at most 1,000."),
        "statistics": StatisticsSerializer(),
    },
)


def map_example() -> OpenApiExample:
    """Return a map of which the first slots are filled: with all of them it would be pages long."""
    named = slots()
    value: dict[str, Any] = dict.fromkeys(named)
    value |= {slot: shown_example(providers_of_slot(slot)[0]) for slot in named[:_SLOTS_SHOWN]}
    return OpenApiExample(
        "All slots",
        value={**value, "items": [item_examples()[0].value], "statistics": _STATISTICS},
        response_only=True,
    )
