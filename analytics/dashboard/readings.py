"""What the dashboards show, read in a number of queries that no number of webhooks, tenants or calls changes.

Sums come from rollups, the last calls along an index. Each function opens the tenant's scope for what it reads; the
platform's reads are the owner role's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import BooleanField, Case, Q, Value, When

from analytics.dashboard.selection import Selection
from analytics.dashboard.sums import calls_in, counts_by, figures_by
from analytics.figures import Figures
from analytics.models import ALL_TARGETS, WebhookCall
from analytics.peaks import Peaks, peaks
from analytics.ports import ListedWebhook, webhook_directory
from analytics.queries import calls_of_tenant, calls_of_webhook
from analytics.rollup_rows import reading, rollups_in, rollups_of_webhooks, rollups_of_webhooks_of
from analytics.timeseries import Counts, Series, lines_by, timeseries
from integrations.models import Tenant
from integrations.statistics import ProviderCount, integrations_by_provider

LAST_CALLS: Final = 50
SHOWN_ROWS: Final = 50
SHOWN_TENANTS: Final = 20
LISTED_WEBHOOKS: Final = 500
"""How many webhooks the filter offers, by name."""
TENANTS_LOOKED_INTO: Final = 10
"""Of how many tenants, those with most failures, the platform's dashboard shows webhooks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """A webhook's figures in the period. One without a `webhook` was deleted; one without `figures` was not called."""

    id: UUID
    webhook: ListedWebhook | None
    figures: Figures | None
    line: Sequence[Counts]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRow:
    """A tenant's figures in the period."""

    tenant: Tenant
    figures: Figures | None
    line: Sequence[Counts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What both kinds of dashboard show."""

    selection: Selection
    calls_before: int
    """In the span of the same length before the period."""
    series: Series
    peaks: Peaks
    webhooks: Sequence[WebhookRow]
    has_more_webhooks: bool
    calls: Sequence[WebhookCall]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformReadings(Readings):
    """What the platform's own shows besides."""

    tenants: Sequence[TenantRow]
    has_more_tenants: bool
    names: Mapping[UUID, str]
    """Of the tenants of webhooks and of calls."""
    integrations: Sequence[ProviderCount]


def listed_webhooks(tenant_id: UUID | None) -> list[ListedWebhook]:
    """Return the webhooks, of a tenant or of all, that a dashboard can be narrowed to, by name."""
    with reading(tenant_id):
        return webhook_directory().listed(tenant_id, limit=LISTED_WEBHOOKS)


def tenant_readings(tenant_id: UUID, selection: Selection, listed: Sequence[ListedWebhook]) -> Readings:
    """Read a tenant's figures: its own, or those of the webhook that was selected; of each webhook in any case."""
    period = selection.period
    rollups = rollups_of_webhooks(period, tenant_id=tenant_id)
    counts = counts_by("target_id", rollups, tenant_id=tenant_id)
    every = list(dict.fromkeys([*_worst_first(counts), *(each.id for each in listed)]))
    shown = every[:SHOWN_ROWS]
    figures = figures_by("target_id", rollups, ids=shown, tenant_id=tenant_id)
    lines = lines_by("target_id", rollups, ids=shown, tenant_id=tenant_id, step=selection.range.step)
    with reading(tenant_id):
        known = {each.id: each for each in webhook_directory().listed(tenant_id, limit=SHOWN_ROWS, ids=shown)}
    return Readings(
        selection=selection,
        webhooks=[
            WebhookRow(id=each, webhook=known.get(each), figures=figures.get(each), line=lines[each]) for each in shown
        ],
        has_more_webhooks=len(every) > SHOWN_ROWS,
        **_shared(tenant_id, selection),
    )


def platform_readings(selection: Selection, listed: Sequence[ListedWebhook]) -> PlatformReadings:
    """Read the figures of all tenants, from their own rows, and look into the webhooks of those with most failures.

    A selected webhook narrows everything but the tables of tenants, webhooks and integrations.
    """
    period = selection.period
    tenant_id = next((each.tenant_id for each in listed if each.id == selection.webhook_id), None)
    shared = _shared(tenant_id, selection)
    rollups = rollups_in(period, tenant_id=None)
    worst = _worst_first(counts_by("tenant_id", rollups, tenant_id=None))
    found = _tenants(worst[:SHOWN_TENANTS])
    place = {each: number for number, each in enumerate(worst)}
    tenants = sorted(found[:SHOWN_TENANTS], key=lambda tenant: place.get(tenant.pk, len(place)))
    ids = [tenant.pk for tenant in tenants]
    figures = figures_by("tenant_id", rollups, ids=ids, tenant_id=None)
    lines = lines_by("tenant_id", rollups, ids=ids, tenant_id=None, step=selection.range.step)
    webhooks = _webhooks_of(worst[:TENANTS_LOOKED_INTO], selection)
    named = {each.tenant_id for each in (*shared["calls"], *listed)} | set(worst[:TENANTS_LOOKED_INTO])
    return PlatformReadings(
        selection=selection,
        webhooks=webhooks[:SHOWN_TENANTS],
        has_more_webhooks=len(webhooks) > SHOWN_TENANTS,
        tenants=[TenantRow(tenant=tenant, figures=figures.get(tenant.pk), line=lines[tenant.pk]) for tenant in tenants],
        has_more_tenants=len(found) > SHOWN_TENANTS,
        names=dict(Tenant.objects.existing().filter(id__in=named).values_list("id", "name")),
        integrations=integrations_by_provider(),
        **shared,
    )


def _shared(tenant_id: UUID | None, selection: Selection) -> dict[str, Any]:
    period, before, webhook_id = selection.period, selection.period_before, selection.webhook_id
    heat = selection.heat_range.ending(selection.now)
    calls = (
        calls_of_tenant(tenant_id=tenant_id, start=period.start, end=period.end)
        if webhook_id is None or tenant_id is None
        else calls_of_webhook(tenant_id=tenant_id, webhook_id=webhook_id, start=period.start, end=period.end)
    )
    with reading(tenant_id):
        last = list(calls.defer("request_headers", "response_body", "metadata")[:LAST_CALLS])
    return {
        "calls": last,
        "calls_before": calls_in(before, tenant_id=tenant_id, webhook_id=webhook_id),
        "series": timeseries(tenant_id=tenant_id, period=period, webhook_id=webhook_id, step=selection.range.step),
        "peaks": peaks(tenant_id=tenant_id, period=heat, webhook_id=webhook_id),
    }


def _worst_first(counts: Mapping[UUID, Counts]) -> list[UUID]:
    """Order by failures, then by calls, the most first: what needs a look stands on top."""
    return sorted(counts, key=lambda each: (-counts[each].failed, -counts[each].calls, each))


def _tenants(called: Sequence[UUID]) -> list[Tenant]:
    """Return the tenants that were called, filled up by name with others to one more than are shown."""
    # The id that nobody has stands in for an empty list, for which Django would leave a constant to sort by.
    is_called = Q(id__in=[*called, ALL_TARGETS])
    was_called = Case(When(is_called, then=Value(True)), default=Value(False), output_field=BooleanField())
    return list(Tenant.objects.existing().order_by(was_called.desc(), "name", "id")[: SHOWN_TENANTS + 1])


def _webhooks_of(tenant_ids: Sequence[UUID], selection: Selection) -> list[WebhookRow]:
    """Return the webhooks of some tenants that were called, the worst first, one more than are shown."""
    rollups = rollups_of_webhooks_of(selection.period, tenant_ids=tenant_ids)
    ids = _worst_first(counts_by("target_id", rollups, tenant_id=None))[: SHOWN_TENANTS + 1]
    figures = figures_by("target_id", rollups, ids=ids, tenant_id=None)
    known = {each.id: each for each in webhook_directory().listed(None, limit=len(ids), ids=ids)}
    lines = lines_by("target_id", rollups, ids=ids, tenant_id=None, step=selection.range.step)
    return [WebhookRow(id=each, webhook=known.get(each), figures=figures.get(each), line=lines[each]) for each in ids]
