"""Handing a member's own integration to the whole tenant, and back.

The row keeps its id and its secrets. Both lock the row, count up `version` and write an activity entry, and raise
NotFoundError, ConflictError and PreconditionFailedError.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import IntegrityError

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError
from integrations.models import Integration, Membership
from integrations.services.integration_defaults import ONE_DEFAULT
from integrations.services.integrations import locked_integration, work_of

_TRIES: Final = 3


def share_integration(
    *, actor: Actor, integration: Integration, may_fill_slot: bool, expected_version: int | None = None
) -> Integration:
    """Make a member's own integration the tenant's.

    With `may_fill_slot` it becomes the default of an empty slot; else, and where the slot is filled, it stands beside the
    default: what the tenant's backend uses is for those to decide who may write the tenant's integrations.
    """
    if integration.owner_id is None:
        raise ConflictError("It belongs to the whole tenant already.")
    return _moved(actor, integration, None, may_fill_slot, expected_version, "integration.shared")


def unshare_integration(*, actor: Actor, integration: Integration, expected_version: int | None = None) -> Integration:
    """Give an integration back to the member who shared it; a slot whose default it was is empty then.

    It becomes the member's default where they have none. Raises ConflictError for one that nobody shared, or whose
    former owner is no member any more.
    """
    if integration.owner_id is not None:
        raise ConflictError("It is a member's own: there is nothing to take back.")
    if integration.former_owner_id is None:
        raise ConflictError("Nobody shared it: it was made for the whole tenant.")
    return _moved(actor, integration, integration.former_owner_id, True, expected_version, "integration.unshared")


def _moved(
    actor: Actor,
    integration: Integration,
    owner_id: UUID | None,
    may_fill_slot: bool,
    expected_version: int | None,
    verb: str,
) -> Integration:
    for _ in range(_TRIES):  # somebody else may fill the slot between the look and the deed
        try:
            with work_of(integration.tenant_id):
                current = locked_integration(integration, expected_version)
                if owner_id is not None:
                    _require_member(current.tenant_id, owner_id)
                current.former_owner_id = current.owner_id
                current.owner_id = owner_id
                current.is_default = may_fill_slot and not _has_default(current)
                current.version += 1
                current.updated_by_id, current.updated_by_name = actor.user_id, actor.name
                current.save()
                record_activity(
                    actor=actor,
                    verb=verb,
                    target=current,
                    tenant_id=current.tenant_id,
                    changed_fields=["owner"],
                )
                return current
        except IntegrityError as error:
            if ONE_DEFAULT not in str(error):
                raise
    raise ConflictError("The slot's default is being changed by somebody else: try again.")


def _require_member(tenant_id: UUID, owner_id: UUID) -> None:
    """Lock the membership, so that the person's leaving comes before or after, and finds the integration then."""
    if not Membership.objects.select_for_update().filter(tenant_id=tenant_id, id=owner_id).exists():
        raise ConflictError("Who shared it is no member any more: it stays the tenant's.")


def _has_default(integration: Integration) -> bool:
    same_place = Integration.objects.filter(
        tenant_id=integration.tenant_id, owner_id=integration.owner_id, slot=integration.slot, is_default=True
    )
    return same_place.exclude(id=integration.id).exists()
