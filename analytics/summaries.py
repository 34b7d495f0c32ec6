"""What happened in a period, read from rollups alone: the cost does not grow with the number of calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Sum

from analytics.histogram import BUCKETS, percentile
from analytics.models import ALL_TARGETS, HourlyRollup
from analytics.period import Period
from integrations.isolation.scope import tenant_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Sums over whole hours (UTC), from `start` up to but without `end`.

    Calls are finished runs of deliveries; times are those of every attempt. What has no calls has no rate, and what
    has no attempts no times.
    """

    start: datetime
    end: datetime
    webhook_id: UUID | None
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


def summary(
    *, tenant_id: UUID, start: datetime | None = None, end: datetime | None = None, webhook_id: UUID | None = None
) -> Summary:
    """Sum up a tenant's calls, or one webhook's, in the hours that the period touches (default: the last 30 days).

    Percentiles are estimates from the histogram: they lie in the same bucket as the exact ones. Raises
    InvalidInputError naming `from` or `to`. Opens the tenant's scope.
    """
    period = Period.requested(start=start, end=end).in_whole_hours()
    target_id = ALL_TARGETS if webhook_id is None else webhook_id
    rollups = HourlyRollup.objects.filter(
        tenant_id=tenant_id, target_id=target_id, hour__gte=period.start, hour__lt=period.end
    )
    buckets = {f"bucket_{i}": Sum(f"histogram__{i}", default=0) for i in range(BUCKETS)}
    with tenant_scope(tenant_id):
        sums = rollups.aggregate(
            total=Sum("calls", default=0),
            succeeded=Sum("succeeded", default=0),
            failed=Sum("failed", default=0),
            made=Sum("attempts", default=0),
            time=Sum("response_time_ms_sum", default=0),
            **buckets,
        )
    # PostgreSQL sums bigints as numeric.
    numbers = {name: int(value) for name, value in sums.items()}
    histogram = [numbers[name] for name in buckets]
    total, attempts = numbers["total"], numbers["made"]
    return Summary(
        start=period.start,
        end=period.end,
        webhook_id=webhook_id,
        total_calls=total,
        successful_calls=numbers["succeeded"],
        failed_calls=numbers["failed"],
        attempts=attempts,
        success_rate=numbers["succeeded"] * 10_000 // total / 100 if total else None,
        average_response_time_ms=round(numbers["time"] / attempts, 1) if attempts else None,
        p50=percentile(histogram, 50),
        p95=percentile(histogram, 95),
        p99=percentile(histogram, 99),
    )
