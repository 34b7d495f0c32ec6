"""Reads of single calls. Lists are lazy: evaluate them inside the tenant's scope."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from analytics.models import ALL_TARGETS, HourlyRollup, WebhookCall
from analytics.ports import webhook_directory
from integrations.ids import uuid7_floor, uuid7_time

# A call's id is made when the attempt ends, its timestamp when it begins, and hosts' clocks differ.
CLOCK_SLACK: Final = timedelta(minutes=5)


def find_webhook(*, tenant_id: UUID, reference: str) -> UUID | None:
    """Return the id of the tenant's webhook with this id or workflow name, or of a deleted one that was ever called.

    Call it inside the tenant's scope.
    """
    found = webhook_directory().find(tenant_id, reference)
    if found is not None:
        return found.id
    try:
        webhook_id = UUID(reference)
    except ValueError:
        return None
    if webhook_id == ALL_TARGETS:
        return None
    # Rollups outlive the webhook and its calls.
    called = HourlyRollup.objects.filter(tenant_id=tenant_id, target_id=webhook_id).exists()
    return webhook_id if called else None


def calls_of_webhook(
    *, tenant_id: UUID, webhook_id: UUID, start: datetime | None = None, end: datetime | None = None
) -> QuerySet[WebhookCall]:
    """Return a webhook's calls, newest first, begun from `start` up to but without `end`.

    The bounds reach the ids too, so that only the partitions of those days are opened.
    """
    calls = WebhookCall.objects.filter(tenant_id=tenant_id, target_id=webhook_id).order_by("-id")
    if start is not None:
        calls = calls.filter(id__gte=uuid7_floor(start - CLOCK_SLACK), timestamp__gte=start)
    if end is not None:
        calls = calls.filter(id__lt=uuid7_floor(end + CLOCK_SLACK), timestamp__lt=end)
    return calls


def calls_of_delivery(*, tenant_id: UUID, delivery_id: UUID) -> QuerySet[WebhookCall]:
    """Return a delivery's calls in the order in which they were made; partitions before its time are not opened."""
    accepted = uuid7_time(delivery_id)
    return WebhookCall.objects.filter(
        tenant_id=tenant_id, delivery_id=delivery_id, id__gte=uuid7_floor(accepted - CLOCK_SLACK)
    ).order_by("id")
