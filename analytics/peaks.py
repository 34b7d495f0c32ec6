"""When calls come: by weekday and hour, read from the hours' rollups alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay

from analytics.period import Period
from analytics.rollup_rows import hourly_rollups_in, reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Calls of one hour of the week (UTC), added up over the period."""

    weekday: int
    """0 is Monday."""
    hour: int
    calls: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """A period's 168 hours of the week, Monday's first hour first, those without calls included."""

    start: datetime
    end: datetime
    webhook_id: UUID | None
    cells: Sequence[Peak]


def peaks(*, tenant_id: UUID | None, period: Period, webhook_id: UUID | None = None) -> Peaks:
    """Return the calls of a tenant, or of one webhook, by weekday and hour (UTC), in the hours that the period touches.

    One query. Opens the tenant's scope; without a tenant it sums up all of them, as the owner role.
    """
    found = hourly_rollups_in(period, tenant_id=tenant_id, webhook_id=webhook_id)
    by_hour = found.rows.values(day=ExtractIsoWeekDay("hour", tzinfo=UTC), of_day=ExtractHour("hour", tzinfo=UTC))
    with reading(tenant_id):
        rows = list(by_hour.annotate(sum_calls=Sum("calls"), sum_failed=Sum("failed")).order_by())
    counted = {(row["day"] - 1, row["of_day"]): (int(row["sum_calls"]), int(row["sum_failed"])) for row in rows}
    cells = []
    for weekday in range(7):
        for hour in range(24):
            calls, failed = counted.get((weekday, hour), (0, 0))
            cells.append(Peak(weekday=weekday, hour=hour, calls=calls, failed=failed))
    return Peaks(start=found.period.start, end=found.period.end, webhook_id=webhook_id, cells=cells)
