"""What rules read of the rollups: the webhooks beyond a bound, of one tenant or of all, with one query.

The minutes of all tenants are not read by their time, for which there is no index: each tenant's are, by the index
that begins with the tenant. With None as tenant all active ones are looked at, as the owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from analytics.histogram import BUCKETS, bucket_of, percentile
from analytics.models import ALL_TARGETS

_OF_EACH_TENANT: Final = """
    SELECT tenant.id, sums.*
    FROM integrations_tenant AS tenant CROSS JOIN LATERAL (
        SELECT target_id, {columns} FROM analytics_minuterollup AS rollup
        WHERE rollup.tenant_id = tenant.id AND rollup.minute >= %(since)s AND rollup.target_id <> %(all_targets)s
        GROUP BY target_id HAVING {condition}
    ) AS sums
    WHERE tenant.is_active AND tenant.deleted_at IS NULL {of_tenant}
    ORDER BY tenant.id, sums.target_id
"""
_HISTOGRAM: Final = ", ".join(f"sum(histogram[{i}])" for i in range(1, BUCKETS + 1))


@dataclass(frozen=True, slots=True)
class Failing:
    tenant_id: UUID
    webhook_id: UUID
    calls: int
    failed: int


@dataclass(frozen=True, slots=True)
class Slow:
    tenant_id: UUID
    webhook_id: UUID
    attempts: int
    p95_ms: int


def webhooks_failing_above(*, percent: int, since: datetime, min_calls: int, tenant_id: UUID | None) -> list[Failing]:
    """Return the webhooks of whose calls more than `percent` failed, among those with at least `min_calls`.

    `since` is cut to its minute. The comparison is of whole numbers: 20 of 100 are not above 20 %.
    """
    rows = _read(
        columns="sum(calls)::bigint, sum(failed)::bigint",
        condition="sum(calls) >= greatest(%(min_calls)s, 1) AND sum(failed) * 100 > sum(calls) * %(percent)s",
        since=since,
        tenant_id=tenant_id,
        parameters={"min_calls": min_calls, "percent": percent},
    )
    return [Failing(*row) for row in rows]


def webhooks_slower_than(*, p95_ms: int, since: datetime, min_attempts: int, tenant_id: UUID | None) -> list[Slow]:
    """Return the webhooks whose 95th percentile is above the bound, among those with at least `min_attempts`.

    The percentile is the rollups' estimate: it lies in the same bucket as the exact one.
    """
    # What cannot be above is left to the database: fewer than 5 % lie in the bound's bucket or above it.
    slow = " + ".join(f"sum(histogram[{i}])" for i in range(bucket_of(p95_ms) + 1, BUCKETS + 1))
    rows = _read(
        columns=f"sum(attempts)::bigint, ARRAY[{_HISTOGRAM}]::bigint[]",
        condition=f"sum(attempts) >= greatest(%(min_attempts)s, 1) AND ({slow}) * 100 >= sum(attempts) * 5",
        since=since,
        tenant_id=tenant_id,
        parameters={"min_attempts": min_attempts},
    )
    found = []
    for tenant, webhook_id, attempts, histogram in rows:
        p95 = percentile(histogram, 95)
        if p95 is not None and p95 > p95_ms:
            found.append(Slow(tenant, webhook_id, attempts, p95))
    return found


def _read(
    *, columns: str, condition: str, since: datetime, tenant_id: UUID | None, parameters: dict[str, Any]
) -> list[tuple[Any, ...]]:
    of_tenant = "" if tenant_id is None else "AND tenant.id = %(tenant)s"
    sql = _OF_EACH_TENANT.format(columns=columns, condition=condition, of_tenant=of_tenant)
    bounds: dict[str, Any] = {
        "since": since.astimezone(UTC).replace(second=0, microsecond=0),
        "all_targets": ALL_TARGETS,
        "tenant": tenant_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, bounds | parameters)
        return list(cursor.fetchall())
