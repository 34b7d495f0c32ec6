"""Forgetting the sums by the minute, which are for looking at today and yesterday closely."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

KEPT_MINUTES_FOR: Final = timedelta(hours=48)
_BATCH: Final = 5_000

# Along the index of tenants and minutes: from each tenant to the next, and of each the oldest. Without waiting for
# recorders: they write the minutes of now.
_FORGET: Final = """
    WITH RECURSIVE tenant (id) AS (
        (SELECT tenant_id FROM analytics_minuterollup ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT tenant_id FROM analytics_minuterollup WHERE tenant_id > tenant.id ORDER BY tenant_id LIMIT 1)
        FROM tenant WHERE tenant.id IS NOT NULL
    ), old AS MATERIALIZED (
        SELECT past.id FROM tenant CROSS JOIN LATERAL (
            SELECT ctid AS id FROM analytics_minuterollup
            WHERE tenant_id = tenant.id AND minute < %(cutoff)s
            ORDER BY minute LIMIT %(batch)s FOR UPDATE SKIP LOCKED
        ) AS past LIMIT %(batch)s
    )
    DELETE FROM analytics_minuterollup WHERE ctid = ANY(ARRAY(SELECT id FROM old))
"""


def forget_minutes() -> int:
    """Delete sums of minutes older than 48 hours, in batches of 5,000; return how many. Safe beside itself."""
    cutoff = timezone.now() - KEPT_MINUTES_FOR
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, {"cutoff": cutoff, "batch": _BATCH})
            deleted = int(cursor.rowcount)
        total += deleted
        if not deleted:
            return total
