"""What happened in a period, read from rollups alone: the cost does not grow with the number of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analytics.figures import SUMS, Figures, figures_of
from analytics.outcomes import OutcomeClass
from analytics.period import Period
from analytics.rollup_rows import reading, rollups_in, rollups_of_webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Sums over whole minutes or hours (UTC), from `start` up to but without `end`.

    Calls are finished runs of deliveries; times and outcomes are those of every attempt. What has no calls has no
    rate, and what has no attempts no times.
    """

    start: datetime
    end: datetime
    tenant_id: UUID | None
    """None: all tenants."""
    webhook_id: UUID | None
    """None: all webhooks."""
    total_calls: int
    successful_calls: int
    failed_calls: int
    attempts: int
    success_rate: float | None
    """In percent, cut to two decimals: 100 means that every call succeeded."""
    average_response_time_ms: float | None
    p50: int | None
    p95: int | None
    p99: int | None
    outcomes: Mapping[OutcomeClass, int]
    """Attempts by what became of them; every class is named."""


def summary(
    *,
    tenant_id: UUID | None,
    start: datetime | None = None,
    end: datetime | None = None,
    webhook_id: UUID | None = None,
) -> Summary:
    """Sum up a tenant's calls, or one webhook's, in a period (default: the last 30 days).

    It is widened to the minutes that it touches if it has at most six hours within the last 48, otherwise to the
    hours. Percentiles are estimates from the histogram: they lie in the same bucket as the exact ones. Raises
    InvalidInputError naming `from` or `to`. Opens the tenant's scope; without a tenant it sums up all of them, as the
    owner role, from one row a tenant and unit of time.
    """
    found = rollups_in(Period.requested(start=start, end=end), tenant_id=tenant_id, webhook_id=webhook_id)
    with reading(tenant_id):
        sums = found.rows.aggregate(**SUMS)
    return _summary(figures_of(sums), period=found.period, tenant_id=tenant_id, webhook_id=webhook_id)


def summaries_by_webhook(*, tenant_id: UUID, period: Period, limit: int | None = None) -> list[Summary]:
    """Return a summary of each webhook that was called in the period, deleted ones too, the most called ones first.

    One query. It reads a row for each webhook and unit of time. Opens the tenant's scope.
    """
    found = rollups_of_webhooks(period, tenant_id=tenant_id)
    with reading(tenant_id):
        rows = list(found.rows.values("target_id").annotate(**SUMS).order_by(*_BUSIEST, "target_id")[:limit])
    return [
        _summary(figures_of(row), period=found.period, tenant_id=tenant_id, webhook_id=row["target_id"]) for row in rows
    ]


def summaries_by_tenant(*, period: Period, limit: int | None = None) -> list[Summary]:
    """Return a summary of each tenant that had calls in the period, the busiest first: for the platform, as the owner.

    One query over the tenants' own rows, so that webhooks cost nothing.
    """
    found = rollups_in(period, tenant_id=None)
    rows = found.rows.values("tenant_id").annotate(**SUMS).order_by(*_BUSIEST, "tenant_id")[:limit]
    return [_summary(figures_of(row), period=found.period, tenant_id=row["tenant_id"], webhook_id=None) for row in rows]


_BUSIEST = ("-sum_calls", "-sum_attempts")


def _summary(figures: Figures, *, period: Period, tenant_id: UUID | None, webhook_id: UUID | None) -> Summary:
    return Summary(
        start=period.start,
        end=period.end,
        tenant_id=tenant_id,
        webhook_id=webhook_id,
        total_calls=figures.calls,
        successful_calls=figures.succeeded,
        failed_calls=figures.failed,
        attempts=figures.attempts,
        success_rate=figures.success_rate,
        average_response_time_ms=figures.average_response_time_ms,
        p50=figures.p50,
        p95=figures.p95,
        p99=figures.p99,
        outcomes=figures.outcomes,
    )
