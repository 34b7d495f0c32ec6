"""What integrations by id have beside those by slot, for the OpenAPI documents."""

from __future__ import annotations

from typing import Final

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from integrations.api.integration_serializers import (
    ShownEnvelope,
    WrittenEnvelope,
    one_of,
    shown,
    shown_example,
    written,
    written_examples,
)
from integrations.providers.registry import all_providers, slots

LOGGED: Final = OpenApiExample(
    "A change",
    value={
        "id": "01938f6e-9d10-7c44-8a07-5b1d9e6f2a33",
        "tenant": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
        "verb": "integration.updated",
        "actor": {"kind": "user", "id": "01938f6e-1111-7d2e-9b51-3f6f0c9d2b10", "name": "ada", "address": None},
        "object": {"kind": "integration", "id": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10", "name": "WhatsApp"},
        "changed_fields": ["access_token"],
        "detail": "",
        "request_id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
        "created_at": "2026-11-20T10:00:00.123456Z",
    },
    response_only=True,
)


class ItemEnvelope(ShownEnvelope):
    slot = serializers.ChoiceField(choices=slots())
    is_default = serializers.BooleanField(help_text="What code uses that names no other one of the slot.")
    owner = serializers.UUIDField(allow_null=True, help_text="The member whose own it is; null: the tenant's.")
    capabilities = serializers.DictField(
        child=serializers.BooleanField(),
        help_text="What of the provider's capabilities and actions is switched on here.",
    )


class ItemChangeEnvelope(WrittenEnvelope):
    is_default = serializers.BooleanField(required=False)
    capabilities = serializers.DictField(
        child=serializers.BooleanField(),
        required=False,
        help_text="Switches those that are named on or off: capabilities and actions of the provider. Others stay.",
    )


class ItemCreateEnvelope(ItemChangeEnvelope):
    owner = serializers.ChoiceField(choices=["me"], required=False, allow_null=True)


_ITEMS: Final = [shown(provider, base=ItemEnvelope, suffix="IntegrationItem") for provider in all_providers()]
ANY_ITEM: Final = one_of("IntegrationItem", _ITEMS)
ITEMS: Final = one_of("IntegrationItem", _ITEMS, many=True)
ANY_ITEM_CREATE: Final = one_of(
    "IntegrationItemCreate",
    [
        written(provider, base=ItemCreateEnvelope, suffix="IntegrationItemCreate", always_named=True)
        for provider in all_providers()
    ],
)
ANY_ITEM_CHANGE: Final = one_of(
    "IntegrationItemChange",
    [written(provider, base=ItemChangeEnvelope, suffix="IntegrationItemChange") for provider in all_providers()],
)


def item_examples() -> list[OpenApiExample]:
    """Return one answer a provider."""
    return [
        OpenApiExample(
            provider.label,
            value={
                **shown_example(provider),
                "slot": provider.slot,
                "is_default": True,
                "owner": None,
                "capabilities": dict.fromkeys(provider.switches, True),
            },
            response_only=True,
        )
        for provider in all_providers()
    ]


def written_item_examples() -> list[OpenApiExample]:
    """Return one complete body a provider, which names it."""
    return [
        OpenApiExample(provider.label, value={"provider": provider.key, **example.value}, request_only=True)
        for provider, example in zip(all_providers(), written_examples(), strict=True)
    ]
