"""Cancelling one delivery that has not ended."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import connection

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.models import Delivery, DeliveryState, TargetKind

# The row of the queue first, then the delivery, as everybody locks them. Without its row of the queue an engine that is
# sending it at this moment records the attempt, but no longer the state.
_LEAVE_QUEUE: Final = (
    "DELETE FROM webhooks_due WHERE tenant_id = %s AND delivery_id = %s AND target_kind = 'webhook' RETURNING attempt"
)
_CANCEL: Final = """
    UPDATE webhooks_delivery
    SET state = 'cancelled', attempts = coalesce(%(attempt)s, attempts), next_attempt_at = NULL, finished_at = now()
    WHERE tenant_id = %(tenant)s AND id = %(id)s AND target_kind = 'webhook' AND state = ANY(%(states)s)
"""
_WAITING: Final = [DeliveryState.PENDING.value, DeliveryState.RETRYING.value]
# A held delivery may come back into the queue between two looks at it, and be held again: not three times.
_LOOKS: Final = 3


def cancel_delivery(*, actor: Actor, tenant: Tenant, delivery_id: UUID) -> None:
    """Let a waiting or held delivery end as `cancelled`; what is on the wire at this moment arrives all the same.

    Safe to call twice: the second call changes nothing. Raises NotFoundError, and ConflictError for a delivery that
    succeeded or failed already.
    """
    for _look in range(_LOOKS):
        with tenant_scope(tenant):
            if _cancelled(tenant, delivery_id):
                record_activity(
                    actor=actor,
                    verb="delivery.cancelled",
                    tenant_id=tenant.id,
                    object_kind="delivery",
                    object_id=delivery_id,
                    object_name=str(delivery_id),
                )
                return
            found = Delivery.objects.filter(tenant_id=tenant.id, id=delivery_id, target_kind=TargetKind.WEBHOOK).first()
        if found is None:
            raise NotFoundError("This tenant has no such delivery.")
        if found.state == DeliveryState.CANCELLED:
            return
        if found.finished_at is not None:
            raise ConflictError(f"It ended already: {found.get_state_display().lower()}.")
    raise ConflictError("It is changing at this moment: try again.")


def _cancelled(tenant: Tenant, delivery_id: UUID) -> bool:
    """Take it out of the queue, or out of what is held; False when it is in neither."""
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE_QUEUE, [tenant.id, delivery_id])
        waiting = cursor.fetchone()
        cursor.execute(
            _CANCEL,
            {
                "attempt": waiting[0] if waiting else None,
                "tenant": tenant.id,
                "id": delivery_id,
                "states": _WAITING if waiting else [DeliveryState.HELD.value],
            },
        )
        return int(cursor.rowcount) > 0
