from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import ALL_TARGETS
from analytics.peaks import peaks
from analytics.period import HOUR, MINUTE, Period
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.analytics.calls import call, record

MONDAY = datetime(2026, 3, 9, tzinfo=UTC)
DAY = 24 * HOUR


def test_peaks_have_exact_numbers_by_weekday_and_hour(tenant: Tenant, other_tenant: Tenant) -> None:
    webhook = uuid7()
    moments = [
        MONDAY,
        MONDAY + 59 * MINUTE,
        MONDAY + 7 * DAY,
        MONDAY + 2 * DAY + 14 * HOUR,
        MONDAY - MINUTE,
    ]
    record(
        [
            *(call(tenant_id=tenant.id, target_id=webhook, timestamp=moment) for moment in moments),
            call(tenant_id=tenant.id, timestamp=MONDAY, success=False),
            call(tenant_id=tenant.id, timestamp=MONDAY, success=False, is_final=False),
            call(tenant_id=other_tenant.id, timestamp=MONDAY),
        ]
    )
    period = Period(MONDAY - HOUR / 2, MONDAY + 8 * DAY)
    found = peaks(tenant_id=tenant.id, period=period)
    assert (found.start, found.end, found.webhook_id) == (MONDAY - HOUR, MONDAY + 8 * DAY, None)
    assert [(cell.weekday, cell.hour) for cell in found.cells] == [
        (day, hour) for day in range(7) for hour in range(24)
    ]

    def filled(cells: object) -> dict[tuple[int, int], tuple[int, int]]:
        return {(cell.weekday, cell.hour): (cell.calls, cell.failed) for cell in cells if cell.calls}

    assert filled(found.cells) == {(0, 0): (4, 1), (2, 14): (1, 0), (6, 23): (1, 0)}
    of_one = peaks(tenant_id=tenant.id, period=period, webhook_id=webhook)
    assert filled(of_one.cells) == {(0, 0): (3, 0), (2, 14): (1, 0), (6, 23): (1, 0)}
    assert filled(peaks(tenant_id=None, period=period).cells) == {(0, 0): (5, 1), (2, 14): (1, 0), (6, 23): (1, 0)}


def test_peaks_are_one_query_over_the_tenants_hours(tenant: Tenant) -> None:
    with CaptureQueriesContext(connection) as queries:
        peaks(tenant_id=tenant.id, period=Period.named("1h"))
    reads = [query["sql"] for query in queries if "analytics_" in query["sql"]]
    assert len(reads) == 1
    assert "analytics_hourlyrollup" in reads[0]
    assert ALL_TARGETS.hex in reads[0]
