"""Which of several integrations is the default of its slot: one for the tenant, and one for each member.

A constraint of the database (`ONE_DEFAULT`) has the last word; who loses a race for a slot starts again.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import InvalidInputError
from integrations.models import Integration

ONE_DEFAULT: Final = "integration_one_default"


def set_default(*, actor: Actor, integration: Integration, wanted: bool | None) -> list[str]:
    """Make a locked integration its slot's default, within the caller's transaction; return the names of what changed.

    None leaves it as it is. Raises InvalidInputError for taking the place from a default without giving it to another.
    """
    if wanted is None or wanted == integration.is_default:
        return []
    if not wanted:
        raise InvalidInputError(
            {"is_default": ["Make another one of the slot the default instead: this one steps back."]}
        )
    step_back(actor=actor, tenant_id=integration.tenant_id, owner_id=integration.owner_id, slot=integration.slot)
    integration.is_default = True
    return ["is_default"]


def step_back(*, actor: Actor, tenant_id: UUID, owner_id: UUID | None, slot: str) -> None:
    """Let the default of a slot, if there is one, be one beside others, within the caller's transaction."""
    defaults = Integration.objects.filter(tenant_id=tenant_id, owner_id=owner_id, slot=slot, is_default=True)
    for integration in defaults.select_for_update().order_by("id"):
        integration.is_default = False
        integration.version += 1
        integration.updated_by_id = actor.user_id
        integration.updated_by_name = actor.name
        integration.save(update_fields=["is_default", "version", "updated_by", "updated_by_name", "updated_at"])
        record_activity(
            actor=actor,
            verb="integration.updated",
            target=integration,
            tenant_id=tenant_id,
            changed_fields=["is_default"],
        )
