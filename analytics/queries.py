"""Reads of single calls. Lists are lazy: evaluate them inside the tenant's scope."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, QuerySet

from analytics.call_filter import CLOCK_SLACK, CallFilter, matching
from analytics.models import ALL_TARGETS, COUNTED_KIND, HourlyRollup, WebhookCall
from analytics.ports import webhook_directory
from integrations.ids import uuid7_floor, uuid7_time


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
    *,
    tenant_id: UUID,
    webhook_id: UUID,
    start: datetime | None = None,
    end: datetime | None = None,
    wanted: CallFilter | None = None,
) -> QuerySet[WebhookCall]:
    """Return a webhook's calls, newest first: one row for each finished run of a delivery unless `wanted` says otherwise.

    Either `start` and `end` or the whole of `wanted`. Raises InvalidInputError for a period that is reversed, or too long
    to be searched (`CallFilter.bounded`).
    """
    calls = WebhookCall.objects.filter(tenant_id=tenant_id, target_id=webhook_id).order_by("-id")
    return matching(calls, wanted or CallFilter(start=start, end=end))


def calls_of_tenant(
    *,
    tenant_id: UUID | None,
    start: datetime | None = None,
    end: datetime | None = None,
    wanted: CallFilter | None = None,
) -> QuerySet[WebhookCall]:
    """Return the calls of all of a tenant's webhooks, as `calls_of_webhook` does; those of all tenants without one.

    All tenants' calls are for the owner role, and for the newest ones: no other condition leads to an index.
    """
    calls = WebhookCall.objects.filter(target_kind=COUNTED_KIND).order_by("-id")
    if tenant_id is not None:
        calls = calls.filter(tenant_id=tenant_id)
    return matching(calls, wanted or CallFilter(start=start, end=end))


def calls_of_delivery(*, tenant_id: UUID, delivery_id: UUID) -> QuerySet[WebhookCall]:
    """Return a delivery's calls in the order in which they were made; partitions before its time are not opened."""
    accepted = uuid7_time(delivery_id)
    return WebhookCall.objects.filter(
        tenant_id=tenant_id, delivery_id=delivery_id, id__gte=uuid7_floor(accepted - CLOCK_SLACK)
    ).order_by("id")


def requests_of_runs(*, tenant_id: UUID, delivery_ids: Collection[UUID]) -> Mapping[tuple[UUID, int], int]:
    """Return how many requests were recorded for each run of these deliveries, by delivery and run.

    One query for any number of them; partitions before the oldest are not opened. Call it inside the tenant's scope.
    """
    if not delivery_ids:
        return {}
    accepted = uuid7_time(min(delivery_ids))
    rows = (
        WebhookCall.objects.filter(
            tenant_id=tenant_id, delivery_id__in=delivery_ids, id__gte=uuid7_floor(accepted - CLOCK_SLACK)
        )
        .values_list("delivery_id", "run")
        .annotate(requests=Count("id"))
        .order_by()
    )
    return {(delivery_id, run): requests for delivery_id, run, requests in rows}


@dataclass(frozen=True, slots=True)
class DescribedCalls:
    """Some calls with what is known of them elsewhere."""

    calls: Sequence[WebhookCall]
    requests: Mapping[tuple[UUID, int], int]
    """How many requests their runs have made, by delivery and run."""
    payloads: Mapping[UUID, str]
    """By event, as they may be shown; without those that are gone."""


def described(*, tenant_id: UUID, calls: Sequence[WebhookCall], with_payloads: bool = True) -> DescribedCalls:
    """Look up what a page of calls refers to: two queries for any number. Call it inside the tenant's scope."""
    requests = requests_of_runs(tenant_id=tenant_id, delivery_ids={call.delivery_id for call in calls})
    events = {call.event_id for call in calls} if with_payloads else set()
    return DescribedCalls(calls, requests, webhook_directory().payloads(tenant_id, events) if events else {})
