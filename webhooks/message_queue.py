"""How messages get to the delivery engine: `settings.MESSAGE_QUEUE` names `queue` (a Protocol in `integrations.ports`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from integrations.errors import ServiceError
from integrations.models import Tenant
from integrations.ports import TenantEvent
from webhooks.models import Receiver, TargetKind
from webhooks.queue import hint
from webhooks.services.accept import accept_events
from webhooks.services.audience import subscribers
from webhooks.services.payloads import new_event

# The delivery has the message's id, and stands for its event as well: what is sent is with the message.
_ACCEPT: Final = """
    WITH delivery AS (
        INSERT INTO webhooks_delivery (id, tenant_id, target_kind, target_id, event_id, state, attempts, run,
            last_error, retry_schedule, next_attempt_at, created_at)
        VALUES (%(message)s, %(tenant)s, %(kind)s, %(sender)s, %(message)s, 'pending', 0, 1, '', '', now(), now())
    )
    INSERT INTO webhooks_due (delivery_id, tenant_id, target_kind, target_id, event_id, due_at, attempt, run,
        retry_schedule)
    VALUES (%(message)s, %(tenant)s, %(kind)s, %(sender)s, %(message)s, now(), 0, 1, '')
"""


class Queue:
    """Accepts messages and publishes what becomes of them."""

    def accept(self, *, tenant_id: UUID, message_id: UUID, sender_id: UUID) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                _ACCEPT,
                {"message": message_id, "tenant": tenant_id, "kind": TargetKind.MESSAGE.value, "sender": sender_id},
            )
        transaction.on_commit(hint)

    def callback_url(self, *, tenant_id: UUID, provider: str) -> str:
        receivers = Receiver.objects.filter(tenant_id=tenant_id, provider=provider, is_active=True)
        receiver = receivers.only("id", "tenant_id").order_by("id").first()
        return receiver.address if receiver is not None else ""

    def publish(self, *, tenant_id: UUID, events: Sequence[TenantEvent]) -> None:
        new = [
            new_event(payload=event.payload, event_type=event.type, triggered_by=event.triggered_by, needs_type=True)
            for event in events
        ]
        for answer in accept_events(tenant=Tenant.objects.get(id=tenant_id), events=new, choose=subscribers):
            if isinstance(answer, ServiceError):
                raise answer


queue = Queue()
