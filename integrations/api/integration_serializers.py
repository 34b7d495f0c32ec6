"""What integrations look like in answers, and their OpenAPI description; both are read from the providers' fields."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer
from rest_framework import serializers

from integrations.encryption.masking import mask
from integrations.models import Health, Integration
from integrations.providers.base import Field, Provider
from integrations.providers.field_values import shown_object
from integrations.providers.outcome import result_choices
from integrations.providers.registry import SHARED_SLOTS, all_providers
from integrations.queries import ShownConfig

STATUSES = ["active", "inactive", "error"]


def representation(integration: Integration, shown: ShownConfig) -> dict[str, Any]:
    """Return the answer for one integration: envelope, then the provider's fields with secrets masked."""
    return {
        "id": str(integration.id),
        "provider": integration.provider,
        "name": integration.name,
        "description": integration.description,
        "enabled": integration.enabled,
        "health": integration.health,
        "status": integration.status,
        "version": integration.version,
        **shown.values,
        **({"unreadable": list(shown.unreadable)} if shown.unreadable else {}),
        "metadata": integration.metadata,
        "created_at": integration.created_at,
        "created_by": integration.created_by_name or None,
        "updated_at": integration.updated_at,
        "updated_by": integration.updated_by_name or None,
        "tested_at": integration.tested_at,
        "test_result": integration.test_result or None,
        "test_message": integration.test_message or None,
        "secret_changed_at": integration.secret_changed_at,
        "expires_at": integration.expires_at,
    }


# --- OpenAPI --------------------------------------------------------------------------------------------------------


class WrittenEnvelope(serializers.Serializer):
    enabled = serializers.BooleanField(default=True, help_text="Left out of a change, it stays as it is.")
    name = serializers.CharField(
        required=False, max_length=100, allow_blank=True, help_text="Empty: the provider's name."
    )
    description = serializers.CharField(required=False, max_length=500, allow_blank=True)
    metadata = serializers.DictField(required=False, help_text="Free JSON of yours, 16 KiB at most; never secrets.")


class ShownEnvelope(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    enabled = serializers.BooleanField(help_text="What a person chose.")
    health = serializers.ChoiceField(choices=Health.choices, help_text="What the last checks found.")
    status = serializers.ChoiceField(choices=STATUSES, help_text="Computed from `enabled` and `health`.")
    version = serializers.IntegerField(help_text="Counts changes.")
    unreadable = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Secrets that no longer open: store them again."
    )
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(allow_null=True)
    updated_at = serializers.DateTimeField()
    updated_by = serializers.CharField(allow_null=True)
    tested_at = serializers.DateTimeField(allow_null=True, help_text="When these credentials were last tested.")
    test_result = serializers.ChoiceField(choices=result_choices(), allow_null=True)
    test_message = serializers.CharField(allow_null=True)
    secret_changed_at = serializers.DateTimeField(allow_null=True, help_text="When a secret was last entered.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the credentials end, if that is known.")


def _written_field(field: Field) -> serializers.Field:
    about = f"{field.label}. {field.help}"
    if field.secret:
        about += " Left out or blank, the stored one is kept."
    if field.secret and field.required:
        about += " Required to fill the slot and to switch to this provider."
    required, allow_null = field.required and not field.secret, not field.required
    if field.is_object:
        if field.secret:
            about += " So is an entry whose text is blank."
        return serializers.DictField(
            child=serializers.CharField(allow_blank=field.secret),
            required=required,
            allow_null=allow_null,
            help_text=about,
        )
    if field.choices:
        about += f" One of {', '.join(f'`{value}` ({label})' for value, label in field.choices)}."
        about += f" Left out, it is `{field.default}`." if field.default else ""
        # No enumeration: those of the same name in other providers' bodies would be one with it.
        values = "|".join(value for value, _ in field.choices)
        return serializers.RegexField(
            rf"^(?:{values}){'' if field.required else '?'}$",
            required=required,
            allow_null=allow_null,
            allow_blank=not field.required,
            help_text=about,
        )
    return serializers.CharField(
        required=required,
        allow_null=allow_null,
        allow_blank=field.secret or not field.required,
        max_length=field.max_length,
        help_text=about,
    )


def _shown_field(field: Field) -> serializers.Field:
    about = f"{field.label}{', masked' if field.secret else ''}."
    if field.is_object:
        return serializers.DictField(child=serializers.CharField(), allow_null=True, help_text=about)
    return serializers.CharField(allow_null=True, help_text=about)


def _provider_field(provider: Provider, **options: Any) -> serializers.CharField:
    return serializers.CharField(help_text=f"`{provider.key}`.", **options)


def _title(provider: Provider) -> str:
    return "".join(part.capitalize() for part in provider.key.split("_"))


def written(
    provider: Provider,
    *,
    base: type[serializers.Serializer] = WrittenEnvelope,
    suffix: str = "IntegrationWrite",
    always_named: bool = False,
) -> type[serializers.Serializer]:
    """Return the description of a body for one provider, which it must name where its slot does not."""
    fields: dict[str, Any] = {field.name: _written_field(field) for field in provider.fields}
    fields["provider"] = _provider_field(provider, required=always_named or provider.slot in SHARED_SLOTS)
    return type(f"{_title(provider)}{suffix}", (base,), fields)


def shown(
    provider: Provider, *, base: type[serializers.Serializer] = ShownEnvelope, suffix: str = "Integration"
) -> type[serializers.Serializer]:
    """Return the description of an answer for one provider."""
    fields: dict[str, Any] = {field.name: _shown_field(field) for field in provider.fields}
    fields["provider"] = _provider_field(provider)
    return type(f"{_title(provider)}{suffix}", (base,), fields)


SHOWN = {provider.key: shown(provider) for provider in all_providers()}


def one_of(
    name: str, serializer_classes: list[type[serializers.Serializer]], *, many: bool = False
) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(name, serializer_classes, resource_type_field_name=None, many=many)


ANY_INTEGRATION = one_of("Integration", list(SHOWN.values()))
ANY_INTEGRATION_WRITE = one_of("IntegrationWrite", [written(provider) for provider in all_providers()])


def _example_values(provider: Provider, *, masked: bool) -> dict[str, Any]:
    return {field.name: _example_value(field, masked=masked and field.secret) for field in provider.fields}


def _example_value(field: Field, *, masked: bool) -> Any:
    if field.is_object:
        return shown_object(field.example, masked=masked)
    return mask(field.example) if masked else field.example


def shown_example(provider: Provider) -> dict[str, Any]:
    """Return an answer for one provider, from the examples of its fields."""
    return {
        "id": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10",
        "provider": provider.key,
        "name": provider.label,
        "description": "",
        "enabled": True,
        "health": "unknown",
        "status": "active",
        "version": 1,
        **_example_values(provider, masked=True),
        "metadata": {},
        "created_at": "2026-11-20T10:00:00Z",
        "created_by": "ada",
        "updated_at": "2026-11-20T10:00:00Z",
        "updated_by": "ada",
        "tested_at": None,
        "test_result": None,
        "test_message": None,
        "secret_changed_at": "2026-11-20T10:00:00Z",
        "expires_at": None,
    }


def written_examples() -> list[OpenApiExample]:
    """Return one complete body a provider, from the examples of its fields."""
    return [
        OpenApiExample(
            provider.label,
            value={
                **({"provider": provider.key} if provider.slot in SHARED_SLOTS else {}),
                **_example_values(provider, masked=False),
                "enabled": True,
            },
            request_only=True,
        )
        for provider in all_providers()
    ]


def shown_examples() -> list[OpenApiExample]:
    return [
        OpenApiExample(provider.label, value=shown_example(provider), response_only=True)
        for provider in all_providers()
    ]
