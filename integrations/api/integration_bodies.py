"""What the addresses of integrations by slot and by id have in common: reading a flat body, and showing a row."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, cast

from rest_framework.request import Request

from integrations.api.integration_serializers import representation
from integrations.encryption.unreadable import mark_unreadable
from integrations.models import Health, Integration
from integrations.queries import shown_config, switches_of
from integrations.services.integration_values import Envelope

ENVELOPE: Final = ("name", "description", "enabled", "metadata")


def flat_body(
    request: Request, envelope_names: Collection[str] = ENVELOPE
) -> tuple[object, dict[str, object], Envelope]:
    """Take a flat body apart: the provider named, its fields' values, and what every integration has."""
    values: dict[str, object] = dict(request.data)
    provider = values.pop("provider", None)
    envelope = {name: values.pop(name) for name in envelope_names if name in values}
    return provider, values, cast("Envelope", envelope)


def shown(integration: Integration, *, hide_secrets: bool = False) -> dict[str, Any]:
    """Return the answer for one integration. A secret that does not open is null, and marks the integration.

    Call it outside of any scope: the mark has a transaction of its own.
    """
    config = shown_config(integration, hide_secrets=hide_secrets)
    if config.unreadable and integration.health != Health.UNREADABLE:
        for error in config.unreadable.values():
            mark_unreadable(error)
        integration.health = Health.UNREADABLE
    return representation(integration, config)


def shown_item(integration: Integration, *, hide_secrets: bool = False) -> dict[str, Any]:
    """Return the answer for one of several integrations of a slot: also whose it is, and whether it is the default."""
    return {
        **shown(integration, hide_secrets=hide_secrets),
        "slot": integration.slot,
        "is_default": integration.is_default,
        "owner": str(integration.owner_id) if integration.owner_id else None,
        "capabilities": {name: integration.allows(name) for name in switches_of(integration)},
    }
