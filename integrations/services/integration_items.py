"""Adding integrations beside one another: of the tenant or of a member, several to a slot, one of them the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Unpack

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, NotAllowedError
from integrations.models import Integration, Membership, Tenant
from integrations.providers.registry import UnknownProviderError, get_provider
from integrations.services.integration_defaults import step_back
from integrations.services.integration_values import Envelope
from integrations.services.integrations import create_integration, work_of

_TRIES: Final = 3


def add_integration(
    *,
    actor: Actor,
    tenant: Tenant,
    provider: str,
    values: Mapping[str, object],
    owner: Membership | None = None,
    **envelope: Unpack[Envelope],
) -> Integration:
    """Add an integration to its provider's slot; `is_default` True takes the slot from the default that is there.

    Without `is_default` it becomes the default of an empty slot, and one beside the default of any other. Raises what
    `create_integration` raises, NotAllowedError when the owner is no member any more.
    """
    for _ in range(_TRIES):  # somebody else may fill the slot between the look and the deed
        try:
            with work_of(tenant.id):
                _require_member(owner)
                place: Envelope = {**envelope, "is_default": _place(actor, tenant, owner, provider, envelope)}
                return create_integration(
                    actor=actor, tenant=tenant, provider=provider, values=values, owner=owner, **place
                )
        except ConflictError:
            continue
    raise ConflictError("The slot's default is being changed by somebody else: try again.")


def _require_member(owner: Membership | None) -> None:
    """Lock the owner's membership, so that their leaving comes before or after, and finds this integration then."""
    if owner is None:
        return
    if not Membership.objects.select_for_update().filter(tenant_id=owner.tenant_id, id=owner.id).exists():
        raise NotAllowedError("You are no longer a member of this tenant.")


def _place(actor: Actor, tenant: Tenant, owner: Membership | None, provider: str, envelope: Envelope) -> bool:
    wanted = envelope.get("is_default")
    try:
        slot = get_provider(provider).slot
    except UnknownProviderError:
        return True  # refused by the service, which names it
    owner_id = owner.id if owner else None
    if wanted is True:
        step_back(actor=actor, tenant_id=tenant.id, owner_id=owner_id, slot=slot)
    if wanted is not None:
        return wanted
    there = Integration.objects.filter(tenant_id=tenant.id, owner_id=owner_id, slot=slot, is_default=True)
    return not there.exists()
