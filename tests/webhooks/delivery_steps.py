"""Deliveries as tests of what comes after the fact need them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from integrations.ids import uuid7, uuid7_floor
from webhooks.models import Delivery, Due, Event, Payload, Webhook


def id_of(age: timedelta) -> UUID:
    """Return an id as it was made `age` ago."""
    return UUID(int=uuid7_floor(timezone.now() - age).int | (uuid7().int & 0xFFFF_FFFF_FFFF))


def make_delivery(
    webhook: Webhook, *, age: timedelta = timedelta(0), payload: str | None = "{}", event_type: str = "", **fields: Any
) -> Delivery:
    """Store a delivery that was accepted `age` ago, with its event and, unless it is None, its payload."""
    event = Event.objects.create(id=id_of(age), tenant_id=webhook.tenant_id, event_type=event_type)
    if payload is not None:
        Payload.objects.create(id=event.id, tenant_id=webhook.tenant_id, body=payload)
    delivery = Delivery.objects.create(
        id=id_of(age), tenant_id=webhook.tenant_id, target_id=webhook.id, event_id=event.id, **fields
    )
    if age:
        Delivery.objects.filter(id=delivery.id).update(created_at=timezone.now() - age)
    return delivery


def failed(webhook: Webhook, **more: Any) -> Delivery:
    """Store a delivery whose three attempts failed."""
    fields = {"state": "failed", "attempts": 3, "last_status_code": 500, "finished_at": timezone.now(), **more}
    return make_delivery(webhook, **fields)


def waiting(webhook: Webhook, *, lease_by: UUID | None = None, state: str = "retrying", **more: Any) -> Delivery:
    """Store a delivery that waits an hour for its second attempt, or is leased."""
    due_at = timezone.now() + timedelta(hours=1)
    delivery = make_delivery(webhook, state=state, attempts=1, next_attempt_at=due_at, **more)
    Due.objects.create(
        delivery_id=delivery.id,
        tenant_id=webhook.tenant_id,
        target_id=webhook.id,
        event_id=delivery.event_id,
        due_at=due_at,
        attempt=1,
        lease_by=lease_by,
    )
    return delivery


def stored(delivery: Delivery) -> Delivery:
    """Return the delivery as it is now."""
    return Delivery.objects.get(id=delivery.id)


def due(delivery: Delivery) -> Due | None:
    """Return the delivery's row in the queue, if it has one."""
    return Due.objects.filter(delivery_id=delivery.id).first()
