"""Sending a notice to people at a provider: a message into Slack, an issue on GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, NotFoundError
from integrations.models import Integration, Tenant
from integrations.providers.base import Capability
from integrations.providers.notifying import NOTIFY, TEXT
from integrations.providers.registry import UnknownProviderError, get_provider
from integrations.services.provider_actions import ActionOutcome, run_integration_action, run_provider_action

ACTOR_NAME: Final = "notices"


def notify(
    tenant: Tenant,
    provider: str,
    text: str,
    *,
    details: Mapping[str, object] | None = None,
    integration: Integration | None = None,
    membership_id: UUID | None = None,
    actor: Actor | None = None,
) -> ActionOutcome:
    """Send a notice, and return what the provider said and whose credentials were used.

    `details` are further parameters of the provider's action `notify`, such as Slack's `channel` or GitHub's `title`.
    Without `integration` the member's own is used, else the tenant's, else the platform's. Sends at once, each time anew,
    and never again by itself: call it outside of any transaction. Raises ConflictError for a provider that takes no
    notices, and whatever `provider_actions.run_provider_action` raises.
    """
    try:
        declared = get_provider(provider)
    except UnknownProviderError:
        raise NotFoundError("There is no such provider.") from None
    if not declared.can(Capability.NOTIFY):
        raise ConflictError(f"{declared.label} takes no notices.")
    if integration is not None and integration.provider != provider:
        raise ConflictError(f"{integration.name} is no integration of {declared.label}.")
    by, parameters = actor or Actor.system(ACTOR_NAME), {**(details or {}), TEXT: text}
    if integration is not None:
        return run_integration_action(
            actor=by, tenant=tenant, integration=integration, action=NOTIFY, parameters=parameters
        )
    return run_provider_action(
        actor=by,
        tenant=tenant,
        provider=provider,
        action=NOTIFY,
        parameters=parameters,
        membership_id=membership_id,
    )
