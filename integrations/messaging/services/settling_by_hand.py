"""Settling by a person or a tenant's backend: the deed, and who did it in the activity log."""

from __future__ import annotations

from uuid import UUID

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.isolation.scope import tenant_scope
from integrations.messaging.models import Message
from integrations.messaging.services.settling import SETTLED, settle_message
from integrations.models import Tenant

__all__ = ["SETTLED", "settle_by_hand"]


def settle_by_hand(*, actor: Actor, tenant: Tenant, message_id: UUID, state: str, note: str = "") -> Message:
    """Say what became of an `unknown` message, as `settle_message`, and record who said so. One transaction.

    The entry names neither number nor note: it outlives the message.
    """
    with tenant_scope(tenant):
        message = settle_message(tenant, message_id, state=state, by=actor.name, note=note)
        record_activity(
            actor=actor,
            verb="message.settled",
            target=message,
            tenant_id=tenant.pk,
            object_name=message.get_channel_display(),
            changed_fields=["state"],
            detail=f"as {state}",
        )
    return message
