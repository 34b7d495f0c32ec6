"""Rows of the queue, for tests of what engines do with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from integrations.ids import uuid7
from webhooks.engine.senders import Claimed
from webhooks.models import Delivery, Due, Event, Payload, Webhook


def enqueue(tenant_id: UUID, target_id: UUID, *, count: int = 1, due_in: float = -60.0, **due: Any) -> list[UUID]:
    """Store deliveries in the queue, due in so many seconds, in the order of the answer. The target need not exist.

    What is due was so a minute ago: `now()` of a test in one transaction stands still while it stores more.
    """
    due_at = timezone.now() + timedelta(seconds=due_in)
    rows = [
        Due(
            delivery_id=uuid7(),
            tenant_id=tenant_id,
            target_id=target_id,
            event_id=uuid7(),
            due_at=due_at + timedelta(microseconds=number),
            **due,
        )
        for number in range(count)
    ]
    Due.objects.bulk_create(rows)
    Delivery.objects.bulk_create(
        Delivery(id=row.delivery_id, tenant_id=tenant_id, target_id=target_id, event_id=row.event_id) for row in rows
    )
    Event.objects.bulk_create(Event(id=row.event_id, tenant_id=tenant_id) for row in rows)
    Payload.objects.bulk_create(Payload(id=row.event_id, tenant_id=tenant_id, body="{}") for row in rows)
    return [row.delivery_id for row in rows]


def leased(webhook: Webhook, engine_id: UUID, **due: Any) -> Claimed:
    """Store a delivery that the engine has leased, and return it as a claim would."""
    (delivery_id,) = enqueue(webhook.tenant_id, webhook.id, lease_by=engine_id, leased_at=timezone.now(), **due)
    row = Due.objects.get(delivery_id=delivery_id)
    return Claimed(
        delivery_id=row.delivery_id,
        tenant_id=row.tenant_id,
        target_kind=row.target_kind,
        target_id=row.target_id,
        event_id=row.event_id,
        attempt=row.attempt,
        run=row.run,
        max_retries=row.max_retries,
        timeout_ms=row.timeout_ms,
        retry_schedule=row.retry_schedule,
    )
