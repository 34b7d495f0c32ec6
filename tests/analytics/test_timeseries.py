from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.histogram import histogram_of
from analytics.models import ALL_TARGETS, HourlyRollup, MinuteRollup
from analytics.outcomes import OutcomeClass
from analytics.period import HOUR, MINUTE, Period
from analytics.summaries import summary
from analytics.timeseries import Counts, calls_over_time, timeseries
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.analytics.calls import call, record

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = 24 * HOUR


def add_hours(tenant: Tenant, hours: dict[datetime, int], **changes: object) -> None:
    HourlyRollup.objects.bulk_create(
        HourlyRollup(
            tenant_id=tenant.id,
            hour=hour,
            **{"target_id": ALL_TARGETS, "target_kind": "all", "calls": calls, "succeeded": calls, **changes},
        )
        for hour, calls in hours.items()
    )


def test_series_has_exact_numbers_by_the_minute(tenant: Tenant, other_tenant: Tenant) -> None:
    webhook, now = uuid7(), NOON + 30 * MINUTE
    with time_machine.travel(now, tick=False):
        record(
            [
                call(tenant_id=tenant.id, target_id=webhook, timestamp=NOON, response_time_ms=10),
                call(
                    tenant_id=tenant.id,
                    target_id=webhook,
                    timestamp=NOON + MINUTE / 2,
                    response_time_ms=400,
                    success=False,
                    status_code=503,
                    error_kind="status",
                ),
                call(
                    tenant_id=tenant.id,
                    timestamp=NOON + 2 * MINUTE,
                    status_code=None,
                    is_final=False,
                    success=False,
                    error_kind="timeout",
                    response_time_ms=30_000,
                ),
                call(tenant_id=tenant.id, timestamp=NOON + 3 * MINUTE),
                call(tenant_id=other_tenant.id, timestamp=NOON),
            ]
        )
        series = timeseries(tenant_id=tenant.id, period=Period(NOON, NOON + 3 * MINUTE))
        of_one = timeseries(tenant_id=tenant.id, period=Period(NOON, NOON + 3 * MINUTE), webhook_id=webhook)
        everybodys = timeseries(tenant_id=None, period=Period(NOON, NOON + 3 * MINUTE))
    assert (series.start, series.end, series.step, series.webhook_id) == (NOON, NOON + 3 * MINUTE, MINUTE, None)
    first, second, third = series.buckets
    assert (first.start, first.end) == (NOON, NOON + MINUTE)
    figures = first.figures
    assert (figures.calls, figures.succeeded, figures.failed, figures.attempts) == (2, 1, 1, 2)
    assert (figures.average_response_time_ms, figures.p50, figures.p95, figures.p99) == (205.0, 12, 500, 500)
    assert figures.success_rate == 50.0
    none = dict.fromkeys(OutcomeClass, 0)
    assert figures.outcomes == {**none, OutcomeClass.ANSWERED_2XX: 1, OutcomeClass.ANSWERED_5XX: 1}
    assert (second.start, second.figures.attempts, second.figures.average_response_time_ms) == (NOON + MINUTE, 0, None)
    assert (second.figures.p95, second.figures.success_rate, second.figures.outcomes) == (None, None, none)
    assert (third.figures.calls, third.figures.attempts, third.figures.p50) == (0, 1, 30_000)
    assert third.figures.outcomes == {**none, OutcomeClass.TIMEOUT: 1}
    assert [bucket.figures.attempts for bucket in of_one.buckets] == [2, 0, 0]
    assert [bucket.figures.attempts for bucket in everybodys.buckets] == [3, 0, 1]


@pytest.mark.parametrize(
    ("length", "ago", "step", "buckets"),
    [
        (HOUR, timedelta(0), MINUTE, 60),
        (90 * MINUTE, timedelta(0), MINUTE, 90),
        (91 * MINUTE, timedelta(0), 5 * MINUTE, 19),
        (6 * HOUR, timedelta(0), 5 * MINUTE, 72),
        (6 * HOUR, 41 * HOUR, 5 * MINUTE, 72),
        (6 * HOUR, 43 * HOUR, HOUR, 6),
        (7 * HOUR, timedelta(0), HOUR, 7),
        (DAY, timedelta(0), HOUR, 24),
        (4 * DAY, timedelta(0), HOUR, 96),
        (7 * DAY, timedelta(0), 6 * HOUR, 28),
        (30 * DAY, timedelta(0), 6 * HOUR, 120),
        (36 * DAY, timedelta(0), DAY, 37),
        (400 * DAY, timedelta(0), DAY, 401),
    ],
)
def test_buckets_fit_the_range(
    tenant: Tenant, length: timedelta, ago: timedelta, step: timedelta, buckets: int
) -> None:
    with time_machine.travel(NOON, tick=False):
        series = timeseries(tenant_id=tenant.id, period=Period(NOON - ago - length, NOON - ago))
    assert (series.step, len(series.buckets)) == (step, buckets)
    assert all(one.end == other.start for one, other in zip(series.buckets, series.buckets[1:], strict=False))
    assert (series.buckets[0].start, series.buckets[-1].end) == (series.start, series.end)


def test_first_and_last_bucket_end_where_the_period_does(tenant: Tenant) -> None:
    start, end = NOON - 10 * DAY - 2 * HOUR, NOON + HOUR
    add_hours(tenant, {start - HOUR: 1, start: 2, start + HOUR: 4, start + 2 * HOUR: 8, end - HOUR: 16, end: 32})
    with time_machine.travel(end, tick=False):
        series = timeseries(tenant_id=tenant.id, period=Period(start, end))
        total = summary(tenant_id=tenant.id, start=start, end=end).total_calls
    assert series.step == 6 * HOUR
    first, second, *_, last = series.buckets
    assert (first.start, first.end, first.figures.calls) == (start, start + 2 * HOUR, 6)
    assert (second.start, second.end, second.figures.calls) == (start + 2 * HOUR, start + 8 * HOUR, 8)
    assert (last.start, last.end, last.figures.calls) == (NOON, end, 16)
    assert sum(bucket.figures.calls for bucket in series.buckets) == total == 30


def test_days_are_days_of_utc(tenant: Tenant) -> None:
    midnight = NOON.replace(hour=0)
    add_hours(tenant, {midnight - HOUR: 1, midnight: 2, midnight + 23 * HOUR: 4})
    with time_machine.travel(NOON + 40 * DAY, tick=False):
        series = timeseries(tenant_id=tenant.id, period=Period(midnight - DAY, midnight + 40 * DAY))
    assert [bucket.figures.calls for bucket in series.buckets[:3]] == [1, 6, 0]


def test_percentiles_are_those_of_all_webhooks_times_together(tenant: Tenant) -> None:
    times = [10] * 95 + [900] * 5
    add_hours(tenant, {NOON - HOUR: 100}, attempts=100, response_time_ms_sum=sum(times), histogram=histogram_of(times))
    with time_machine.travel(NOON, tick=False):
        series = timeseries(tenant_id=tenant.id, period=Period(NOON - DAY, NOON))
    figures = series.buckets[-1].figures
    assert (figures.average_response_time_ms, figures.p50, figures.p95, figures.p99) == (54.5, 11, 12, 1120)


def test_series_is_one_query_over_rollups_however_many_webhooks_there_are(tenant: Tenant) -> None:
    webhooks = [uuid7() for _ in range(20)]
    with time_machine.travel(NOON, tick=False):
        record([call(tenant_id=tenant.id, target_id=webhook, timestamp=NOON - MINUTE) for webhook in webhooks])
        with CaptureQueriesContext(connection) as queries:
            series = timeseries(tenant_id=tenant.id, period=Period.named("1h"))
    reads = [query["sql"] for query in queries if "analytics_" in query["sql"]]
    assert len(reads) == 1
    assert "analytics_minuterollup" in reads[0]
    assert ALL_TARGETS.hex in reads[0]
    assert [bucket.figures.calls for bucket in series.buckets[-2:]] == [0, 20]


def test_calls_over_time_are_those_of_each_webhook(tenant: Tenant, other_tenant: Tenant) -> None:
    busy, quiet, foreign = uuid7(), uuid7(), uuid7()
    with time_machine.travel(NOON, tick=False):
        record(
            [
                call(tenant_id=tenant.id, target_id=busy, timestamp=NOON - 3 * MINUTE),
                call(tenant_id=tenant.id, target_id=busy, timestamp=NOON - 3 * MINUTE, success=False),
                call(tenant_id=tenant.id, target_id=busy, timestamp=NOON - MINUTE),
                call(tenant_id=tenant.id, timestamp=NOON - MINUTE),
                call(tenant_id=other_tenant.id, target_id=foreign, timestamp=NOON - MINUTE),
            ]
        )
        period = Period(NOON - 3 * MINUTE, NOON)
        with CaptureQueriesContext(connection) as queries:
            found = calls_over_time(tenant_id=tenant.id, period=period, webhook_ids=[busy, quiet, foreign])
    none = Counts(0, 0)
    assert found == {busy: [Counts(2, 1), none, Counts(1, 0)], quiet: [none] * 3, foreign: [none] * 3}
    assert len([query for query in queries if "analytics_" in query["sql"]]) == 1


def test_series_of_everybody_leaves_out_deleted_tenants(tenant: Tenant, other_tenant: Tenant) -> None:
    MinuteRollup.objects.bulk_create(
        MinuteRollup(tenant_id=one.id, target_id=ALL_TARGETS, target_kind="all", minute=NOON, calls=1)
        for one in (tenant, other_tenant)
    )
    Tenant.objects.filter(id=other_tenant.id).update(deleted_at=NOON)
    with time_machine.travel(NOON, tick=False):
        series = timeseries(tenant_id=None, period=Period(NOON, NOON + MINUTE))
    assert [bucket.figures.calls for bucket in series.buckets] == [1]
