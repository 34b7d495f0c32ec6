"""The platform's totals of deliveries and attempts, as counters that never shrink.

They come from the tenants' hourly rollups. Those may lose rows (a tenant is deleted, rollups are rebuilt), and adding
up years of them would take longer with every hour. So each scrape looks at the last hours only, where calls may still
arrive, and keeps the most it ever saw of each (`DeliveryHour`); hours that are over are added up in a single row.

Totals begin with the hour before the first scrape. Calls that are recorded more than an hour late, or in the middle of a gap of
more than two days between scrapes, are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection

from analytics.histogram import BUCKETS
from analytics.models.rollup import ALL_TARGETS
from analytics.outcomes import OutcomeClass

# What is kept of an hour, in this order.
_COLUMNS: Final = (
    *("succeeded", "failed"),
    *OutcomeClass.values,
    "response_time_ms_sum",
    *(f"histogram[{at}]" for at in range(1, BUCKETS + 1)),
)
# The row of all hours that are over.
PAST: Final = datetime(1970, 1, 1, tzinfo=UTC)

# From tenant to tenant by the key of their sums' rows: however many hours and webhooks there are, only these are read. (The
# limit, more than there can be, keeps PostgreSQL from looking at all tenants' rows at once.)
_SEE: Final = f"""
    WITH since AS (
        SELECT greatest(
            coalesce(least(max(hour), now()) - interval '1 hour', date_trunc('hour', now()) - interval '1 hour'),
            now() - interval '48 hours'
        ) AS hour FROM config_deliveryhour WHERE hour > %(past)s
    )
    INSERT INTO config_deliveryhour AS stored (hour, sums)
    SELECT rollup.hour, ARRAY[{", ".join(f"sum({column})" for column in _COLUMNS)}]::bigint[]
    FROM since, integrations_tenant AS tenant, LATERAL (
        SELECT * FROM analytics_hourlyrollup
        WHERE tenant_id = tenant.id AND target_id = %(all)s AND hour >= since.hour ORDER BY hour DESC LIMIT 100
    ) AS rollup
    GROUP BY rollup.hour ORDER BY rollup.hour
    ON CONFLICT (hour) DO UPDATE SET sums = ARRAY[{
    ", ".join(f"greatest(stored.sums[{at}], excluded.sums[{at}])" for at in range(1, len(_COLUMNS) + 1))
}]
"""  # noqa: S608  (put together from our own constants)
_ADD_UP_PAST: Final = f"""
    WITH over AS (
        DELETE FROM config_deliveryhour WHERE hour > %(past)s AND hour < now() - interval '72 hours' RETURNING sums
    )
    INSERT INTO config_deliveryhour AS stored (hour, sums)
    SELECT %(past)s, ARRAY[{", ".join(f"sum(sums[{at}])" for at in range(1, len(_COLUMNS) + 1))}]::bigint[]
    FROM over HAVING count(*) > 0
    ON CONFLICT (hour) DO UPDATE SET sums = ARRAY[{
    ", ".join(f"stored.sums[{at}] + excluded.sums[{at}]" for at in range(1, len(_COLUMNS) + 1))
}]
"""  # noqa: S608
_TOTAL: Final = f"""
    SELECT {", ".join(f"coalesce(sum(sums[{at}]), 0)::bigint" for at in range(1, len(_COLUMNS) + 1))}
    FROM config_deliveryhour
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class DeliveryTotals:
    """Since the first scrape. `histogram` counts attempts in the buckets of `analytics.histogram`."""

    succeeded: int
    failed: int
    attempts: dict[str, int]
    """By outcome class."""
    response_time_ms: int
    histogram: Sequence[int]


def delivery_totals() -> DeliveryTotals:
    """Take notice of what was recorded since the last time, and return the totals. Safe beside itself."""
    parameters: dict[str, Any] = {"past": PAST, "all": ALL_TARGETS}
    with connection.cursor() as cursor:
        cursor.execute(_SEE, parameters)
        cursor.execute(_ADD_UP_PAST, parameters)
        cursor.execute(_TOTAL)
        succeeded, failed, *rest = cursor.fetchone()
    classes = OutcomeClass.values
    return DeliveryTotals(
        succeeded=succeeded,
        failed=failed,
        attempts=dict(zip(classes, rest[: len(classes)], strict=True)),
        response_time_ms=rest[len(classes)],
        histogram=rest[len(classes) + 1 :],
    )
