"""How a period went: its sums in buckets that fit its length, read from rollups alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from django.db.models import DateTimeField, F, Func, Sum, Value

from analytics.figures import NOTHING, SUMS, Figures, figures_of
from analytics.period import HOUR, MINUTE, Period, beginning_of
from analytics.rollup_rows import RollupRows, reading, rollups_in, rollups_of_webhooks

# The longest period that has buckets of this length: 60 to 140 of them make a line, days go as far as periods do.
_BUCKETS_BY_MINUTE: Final = ((timedelta(minutes=90), MINUTE), (timedelta.max, 5 * MINUTE))
_BUCKETS_BY_HOUR: Final = (
    (timedelta(days=4), HOUR),
    (timedelta(days=35), 6 * HOUR),
    (timedelta.max, timedelta(days=1)),
)
_ORIGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What happened from `start` up to but without `end`."""

    start: datetime
    end: datetime
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A period in buckets, the oldest first, empty ones included. They add up to the summary of the same period.

    Buckets begin at whole multiples of `step` (UTC); the first and the last end where the period does.
    """

    start: datetime
    end: datetime
    step: timedelta
    """A minute, 5 minutes, an hour, 6 hours or a day."""
    webhook_id: UUID | None
    buckets: Sequence[Bucket]
    total: Figures
    """What the buckets add up to, percentiles included."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls of a bucket."""

    calls: int
    failed: int


def timeseries(
    *, tenant_id: UUID | None, period: Period, webhook_id: UUID | None = None, step: timedelta | None = None
) -> Series:
    """Return the sums of a tenant, or of one webhook, over time, in buckets of a `step` if given.

    One query. Opens the tenant's scope; without a tenant it sums up all of them, as the owner role.
    """
    found = rollups_in(period, tenant_id=tenant_id, webhook_id=webhook_id)
    step = step or _step(found)
    with reading(tenant_id):
        rows = list(found.rows.values(bucket=_bucket(found, step)).annotate(**SUMS).order_by())
    by_start = {row["bucket"]: figures_of(row) for row in rows}
    return Series(
        start=found.period.start,
        end=found.period.end,
        step=step,
        webhook_id=webhook_id,
        buckets=[
            Bucket(
                start=max(start, found.period.start),
                end=min(start + step, found.period.end),
                figures=by_start.get(start, NOTHING),
            )
            for start in _starts(found.period, step)
        ],
        total=figures_of({name: sum(row[name] for row in rows) for name in SUMS}),
    )


def calls_over_time(
    *, tenant_id: UUID, period: Period, webhook_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[Counts]]:
    """Return for each of some webhooks its calls in the buckets of `timeseries`, for small charts beside each other.

    One query for any number of webhooks. Opens the tenant's scope.
    """
    found = rollups_of_webhooks(period, tenant_id=tenant_id)
    return lines_by("target_id", found, ids=webhook_ids, tenant_id=tenant_id)


def lines_by(
    key: Literal["target_id", "tenant_id"],
    found: RollupRows,
    *,
    ids: Collection[UUID],
    tenant_id: UUID | None,
    step: timedelta | None = None,
) -> Mapping[UUID, Sequence[Counts]]:
    """Return the same of any rows of sums: for each of some webhooks, or tenants, its calls in the period's buckets."""
    step = step or _step(found)
    wanted = found.rows.filter(**{f"{key}__in": ids})
    with reading(tenant_id):
        rows: list[dict[str, Any]] = list(
            wanted.values(key, bucket=_bucket(found, step))
            .annotate(sum_calls=Sum("calls"), sum_failed=Sum("failed"))
            .order_by()
        )
    counted = {(row[key], row["bucket"]): Counts(int(row["sum_calls"]), int(row["sum_failed"])) for row in rows}
    starts, none = _starts(found.period, step), Counts(0, 0)
    return {each: [counted.get((each, start), none) for start in starts] for each in ids}


def _step(found: RollupRows) -> timedelta:
    sizes = _BUCKETS_BY_MINUTE if found.unit == MINUTE else _BUCKETS_BY_HOUR
    return next(step for longest, step in sizes if found.period.length <= longest)


def _bucket(found: RollupRows, step: timedelta) -> Func:
    return Func(Value(step), F(found.column), Value(_ORIGIN), function="date_bin", output_field=DateTimeField())


def _starts(period: Period, step: timedelta) -> list[datetime]:
    """Return the beginnings of the buckets that a period touches."""
    start, starts = beginning_of(period.start, step), []
    while start < period.end:
        starts.append(start)
        start += step
    return starts
