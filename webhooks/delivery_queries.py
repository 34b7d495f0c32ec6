"""Reads of deliveries: a tenant's list, and one with everything that happened to it. Inside the tenant's scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from analytics.recording import WebhookCall
from integrations.errors import NotFoundError
from integrations.ids import uuid7_floor, uuid7_time
from webhooks.models import REDACTED, Delivery, Due, Event, Payload, TargetKind, Webhook
from webhooks.payload_queries import shown_payloads

# Hosts' clocks differ, and an id is made a moment before its row.
CLOCK_SLACK: Final = timedelta(minutes=5)
SEARCHED: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """What of a tenant's deliveries is wanted; None for all. `start` is included, `end` is not."""

    webhook_id: UUID | None = None
    state: str | None = None
    event_type: str | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class DescribedDelivery:
    """A delivery with the names that its row only refers to."""

    delivery: Delivery
    workflow_name: str | None
    event_type: str
    triggered_by: str


@dataclass(frozen=True, slots=True)
class DeliveryInDetail:
    """A delivery, its event, its payload (None once it is gone) and its attempts, oldest first."""

    described: DescribedDelivery
    event: Event | None
    payload: str | None
    is_redacted: bool
    """Whether something was taken out of the stored payload: it cannot be sent again."""
    attempts: list[WebhookCall]
    is_on_the_wire: bool


def deliveries_of(tenant_id: UUID, wanted: DeliveryFilter) -> QuerySet[Delivery]:
    """Return a tenant's deliveries. Lazy.

    Times bound the ids too, so that only the partitions of those days are opened. States and types of events are in no
    index: a search for them without a start looks back seven days.
    """
    deliveries = Delivery.objects.filter(tenant_id=tenant_id, target_kind=TargetKind.WEBHOOK)
    start = wanted.start
    if start is None and (wanted.state is not None or wanted.event_type is not None):
        start = timezone.now() - SEARCHED
    if start is not None:
        deliveries = deliveries.filter(id__gte=uuid7_floor(start - CLOCK_SLACK), created_at__gte=start)
    if wanted.end is not None:
        deliveries = deliveries.filter(id__lt=uuid7_floor(wanted.end + CLOCK_SLACK), created_at__lt=wanted.end)
    if wanted.webhook_id is not None:
        deliveries = deliveries.filter(target_id=wanted.webhook_id)
    if wanted.state is not None:
        deliveries = deliveries.filter(state=wanted.state)
    if wanted.event_type is not None:
        events = Event.objects.filter(id=OuterRef("event_id"), event_type=wanted.event_type)
        deliveries = deliveries.filter(Exists(events))
    return deliveries


def described(tenant_id: UUID, deliveries: Sequence[Delivery]) -> list[DescribedDelivery]:
    """Look up what a page of deliveries refers to: two queries for any number."""
    names = dict(
        Webhook.objects.filter(tenant_id=tenant_id, id__in={row.target_id for row in deliveries}).values_list(
            "id", "workflow_name"
        )
    )
    events = Event.objects.in_bulk({row.event_id for row in deliveries})
    return [
        DescribedDelivery(
            delivery=row,
            workflow_name=names.get(row.target_id),
            event_type=events[row.event_id].event_type if row.event_id in events else "",
            triggered_by=events[row.event_id].triggered_by if row.event_id in events else "",
        )
        for row in deliveries
    ]


def delivery_detail(tenant_id: UUID, delivery_id: UUID) -> DeliveryInDetail:
    """Return one delivery with all that is known of it; NotFoundError for none."""
    rows = Delivery.objects.filter(tenant_id=tenant_id, id=delivery_id, target_kind=TargetKind.WEBHOOK)
    delivery = rows.first()
    if delivery is None:
        raise NotFoundError("This tenant has no such delivery.")
    (known,) = described(tenant_id, [delivery])
    leased = Due.objects.filter(tenant_id=tenant_id, delivery_id=delivery_id, lease_by__isnull=False)
    return DeliveryInDetail(
        described=known,
        event=Event.objects.filter(tenant_id=tenant_id, id=delivery.event_id).first(),
        payload=shown_payloads(tenant_id, [delivery.event_id]).get(delivery.event_id),
        is_redacted=Payload.objects.filter(tenant_id=tenant_id, id=delivery.event_id, redaction__in=REDACTED).exists(),
        attempts=list(attempts_of(tenant_id, delivery_id)),
        is_on_the_wire=leased.exists(),
    )


def attempts_of(tenant_id: UUID, delivery_id: UUID) -> QuerySet[WebhookCall]:
    """Return a delivery's attempts of all runs, oldest first; partitions of before its time are not opened."""
    accepted = uuid7_time(delivery_id)
    return WebhookCall.objects.filter(
        tenant_id=tenant_id, delivery_id=delivery_id, id__gte=uuid7_floor(accepted - CLOCK_SLACK)
    ).order_by("id")
