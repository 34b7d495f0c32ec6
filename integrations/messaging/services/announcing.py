"""Telling tenants what became of their messages: an event for each change of the state, exactly once.

A change is stored with the event that is owed for it, and the event is published in the transaction that strikes it
off: right after the change, or by the sweep where a process died in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError

from integrations.errors import ServiceError
from integrations.isolation.scope import tenant_scope
from integrations.messaging.models import Message
from integrations.messaging.rows import locked, store
from integrations.ports import TenantEvent, message_queue

logger = structlog.get_logger(__name__)

BATCH: Final = 500


def announce(tenant_id: UUID, message_ids: Collection[UUID]) -> int:
    """Publish what is owed for these messages of a tenant and return how many events; nothing for an inactive tenant.

    Within the caller's transaction if there is one. Safe beside itself.
    """
    with tenant_scope(tenant_id):
        rows = Message.objects.filter(tenant_id=tenant_id, id__in=message_ids, tenant__is_active=True)
        owing = [message for message in locked(rows) if message.unannounced]
        return announce_locked(tenant_id, owing)


def announce_locked(tenant_id: UUID, messages: Iterable[Message]) -> int:
    """As `announce`, for messages that the caller has locked and stored, in the tenant's scope."""
    owing = [message for message in messages if message.unannounced]
    events = [_event(message, state) for message in owing for state in message.unannounced]
    if not events:
        return 0
    message_queue().publish(tenant_id=tenant_id, events=events)
    for message in owing:
        message.unannounced = []
    store(owing)
    return len(events)


def announce_owed() -> int:
    """Publish what is owed for all messages, as the owner, and return how many events; scheduled every few seconds."""
    owed = Message.objects.exclude(unannounced=[]).filter(tenant__is_active=True, tenant__deleted_at=None)
    by_tenant: dict[UUID, list[UUID]] = {}
    for tenant_id, message_id in owed.order_by("id").values_list("tenant_id", "id")[:BATCH]:
        by_tenant.setdefault(tenant_id, []).append(message_id)
    published = 0
    for tenant_id, message_ids in sorted(by_tenant.items()):
        try:
            published += announce(tenant_id, message_ids)
        except (ServiceError, DatabaseError, InterfaceError) as error:
            logger.warning("messages_not_announced", tenant_id=str(tenant_id), reason=str(error))
    return published


def _event(message: Message, state: str) -> TenantEvent:
    return TenantEvent(
        type=f"message.{state}",
        payload={
            "id": str(message.id),
            "channel": message.channel,
            "to": message.to,
            "state": state,
            "provider": message.provider,
            "provider_message_id": message.provider_message_id,
            "error_code": message.error_code,
            "error_message": message.error_message,
            "metadata": message.metadata,
        },
        triggered_by=message.triggered_by,
    )
