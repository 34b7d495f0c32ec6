"""What people wait for: a summary over ten million calls. And what every secret costs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from analytics.histogram import BUCKETS
from analytics.models import ALL_TARGETS, ALL_TARGETS_KIND, HourlyRollup
from analytics.summaries import summary
from tests.benchmarks.bench_encryption import BAR_MICROSECONDS, measurements
from tests.benchmarks.report import Bar

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "Summary over 30 days, and encryption"
CALLS = 10_000_000
HOURS = 30 * 24
RUNS = 30
_SUM_UP = f"""
    INSERT INTO {HourlyRollup._meta.db_table} (
        tenant_id, target_kind, target_id, hour, calls, succeeded, failed, attempts, response_time_ms_sum, histogram)
    SELECT tenant_id, %s, %s, hour, sum(calls), sum(succeeded), sum(failed), sum(attempts), sum(response_time_ms_sum),
        ARRAY[{", ".join(f"sum(histogram[{i}])" for i in range(1, BUCKETS + 1))}]::bigint[]
    FROM {HourlyRollup._meta.db_table} GROUP BY tenant_id, hour
"""


def run(site: Site) -> None:
    load_rollups(site)
    end = datetime.now(UTC)
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        found = summary(tenant_id=site.tenant.id, start=end - timedelta(days=30), end=end)
        times.append((time.perf_counter() - started) * 1000)
    assert found.total_calls == CALLS, found.total_calls
    middle = median(times)
    note = f"slowest of {RUNS}: {max(times):.0f} ms; {HOURS * len(site.target_ids):,} rollups of {len(site.target_ids)} webhooks"
    bars = [(Bar(50, at_most=True), middle, "ms")]
    site.report.add(SECTION, f"summary of {CALLS:,} calls: p50", middle, "ms", bars=bars, note=note)
    measured = measurements()
    for what in ("encrypt 1 KiB", "decrypt 1 KiB"):
        bars = [(Bar(BAR_MICROSECONDS, at_most=True), measured[what], "µs")]
        site.report.add(SECTION, what, measured[what], "µs", bars=bars)
    site.empty()


def load_rollups(site: Site) -> None:
    """Load what ten million calls would have left: a row for each webhook and hour."""
    site.empty()
    rows = HOURS * len(site.target_ids)
    each, left_over = divmod(CALLS, rows)
    last = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    columns = (
        "tenant_id, target_kind, target_id, hour, calls, succeeded, failed, attempts, response_time_ms_sum, histogram"
    )
    with site.connect() as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY {HourlyRollup._meta.db_table} ({columns}) FROM STDIN") as copy:
            for number in range(rows):
                hour, target = divmod(number, len(site.target_ids))
                calls = each + (number < left_over)
                histogram = [calls // BUCKETS + (i < calls % BUCKETS) for i in range(BUCKETS)]
                ids = (site.tenant.id, "webhook", site.target_ids[target], last - timedelta(hours=hour))
                copy.write_row((*ids, calls, calls, 0, calls, calls * 50, histogram))
        cursor.execute(_SUM_UP, [ALL_TARGETS_KIND, ALL_TARGETS])
        connection.commit()
        connection.autocommit = True
        cursor.execute(f"VACUUM ANALYZE {HourlyRollup._meta.db_table}")
