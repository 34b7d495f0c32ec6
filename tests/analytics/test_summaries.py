from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import ALL_TARGETS, HourlyRollup
from analytics.outcomes import OutcomeClass
from analytics.period import HOUR, MINUTE, Period
from analytics.summaries import Summary, summaries_by_tenant, summaries_by_webhook, summary
from integrations.errors import InvalidInputError
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.analytics.calls import NOW, call, record, spread

START = NOW.replace(minute=0)


def test_summary_has_exact_numbers(tenant: Tenant, other_tenant: Tenant) -> None:
    first_attempt = call(tenant_id=tenant.id, is_final=False, success=False, status_code=503, response_time_ms=400)
    record(
        [
            first_attempt,
            replace(first_attempt, id=uuid7(), attempt=2, is_final=True, success=True, response_time_ms=10),
            *(call(tenant_id=tenant.id, response_time_ms=10) for _ in range(17)),
            call(tenant_id=tenant.id, success=False, response_time_ms=7_000),
            call(tenant_id=other_tenant.id, success=False, response_time_ms=9_999),
        ]
    )
    assert summary(tenant_id=tenant.id, start=START, end=START + HOUR) == Summary(
        start=START,
        end=START + HOUR,
        tenant_id=tenant.id,
        webhook_id=None,
        total_calls=19,
        successful_calls=18,
        failed_calls=1,
        attempts=20,
        success_rate=94.73,
        average_response_time_ms=379.0,
        p50=11,
        p95=500,
        p99=8_000,
        outcomes={**dict.fromkeys(OutcomeClass, 0), OutcomeClass.ANSWERED_2XX: 18, OutcomeClass.ANSWERED_5XX: 2},
    )


def test_summary_has_zeros_and_nulls_when_there_are_no_calls(tenant: Tenant) -> None:
    empty = summary(tenant_id=tenant.id)
    assert (empty.total_calls, empty.successful_calls, empty.failed_calls, empty.attempts) == (0, 0, 0, 0)
    assert (empty.success_rate, empty.average_response_time_ms) == (None, None)
    assert (empty.p50, empty.p95, empty.p99) == (None, None, None)


def test_summary_has_times_but_no_rate_when_nothing_has_finished(tenant: Tenant) -> None:
    record([call(tenant_id=tenant.id, is_final=False, success=False, response_time_ms=200)])
    unfinished = summary(tenant_id=tenant.id)
    assert (unfinished.total_calls, unfinished.failed_calls, unfinished.attempts) == (0, 0, 1)
    assert (unfinished.success_rate, unfinished.average_response_time_ms, unfinished.p50) == (None, 200.0, 200)


def test_success_rate_is_not_rounded_up_to_100_when_a_call_failed(tenant: Tenant) -> None:
    HourlyRollup.objects.create(
        tenant_id=tenant.id, target_id=ALL_TARGETS, hour=START, calls=1_000_000, succeeded=999_999, failed=1
    )
    assert summary(tenant_id=tenant.id).success_rate == 99.99


def test_summary_counts_one_webhook_when_it_is_named(tenant: Tenant) -> None:
    webhook = uuid7()
    record([call(tenant_id=tenant.id, target_id=webhook), call(tenant_id=tenant.id, success=False)])
    of_one = summary(tenant_id=tenant.id, webhook_id=webhook)
    assert (of_one.webhook_id, of_one.total_calls, of_one.success_rate) == (webhook, 1, 100.0)
    assert summary(tenant_id=tenant.id).total_calls == 2


@pytest.mark.parametrize(
    ("first_minute", "last_minute", "calls"),
    [(0, 60, 1), (59, 60, 1), (0, 1, 1), (60, 120, 0), (-60, 0, 0), (-1, 61, 3)],
)
def test_summary_covers_the_hours_that_the_period_touches_when_no_minutes_are_kept(
    tenant: Tenant, first_minute: int, last_minute: int, calls: int
) -> None:
    long_ago = START - 51 * HOUR
    record([call(tenant_id=tenant.id, timestamp=long_ago + number * HOUR) for number in (-1, 0, 1)])
    covered = summary(tenant_id=tenant.id, start=long_ago + first_minute * MINUTE, end=long_ago + last_minute * MINUTE)
    assert covered.total_calls == (1 if (first_minute, last_minute) in {(60, 120), (-60, 0)} else calls)
    assert (covered.start.minute, covered.end.minute) == (0, 0)


@pytest.mark.parametrize(
    ("first_second", "last_second", "calls"),
    [(0, 60, 1), (59, 60, 1), (0, 1, 1), (60, 120, 0), (-60, 0, 0), (-1, 61, 3)],
)
def test_summary_is_exact_to_the_minute_when_minutes_are_kept(
    tenant: Tenant, first_second: int, last_second: int, calls: int
) -> None:
    at = START - HOUR
    record([call(tenant_id=tenant.id, timestamp=at)])
    if calls == 3:
        record([call(tenant_id=tenant.id, timestamp=at + number * MINUTE) for number in (-1, 1)])
    second = timedelta(seconds=1)
    covered = summary(tenant_id=tenant.id, start=at + first_second * second, end=at + last_second * second)
    assert covered.total_calls == calls
    assert (covered.start, covered.end) == (
        at + MINUTE * (first_second // 60),
        at + MINUTE * -(-last_second // 60),
    )


def test_summary_goes_by_the_hour_beyond_six_hours_and_beyond_48_hours_ago(tenant: Tenant) -> None:
    now = START + 30 * MINUTE
    record([call(tenant_id=tenant.id, timestamp=now)])
    with time_machine.travel(now, tick=False):
        spans = [
            (summary(tenant_id=tenant.id, start=end - length, end=end).start, end - length)
            for length, end in [
                (6 * HOUR, now),
                (6 * HOUR + MINUTE, now),
                (HOUR, now - 47 * HOUR),
                (HOUR, now - 47 * HOUR - MINUTE),
            ]
        ]
    assert [covered == requested for covered, requested in spans] == [True, False, True, False]


def test_default_summary_shows_a_call_that_was_made_just_now(tenant: Tenant) -> None:
    from django.utils import timezone

    record([call(tenant_id=tenant.id, timestamp=timezone.now())])
    assert summary(tenant_id=tenant.id).total_calls == 1


def test_summary_refuses_a_reversed_period(tenant: Tenant) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        summary(tenant_id=tenant.id, start=NOW, end=NOW - HOUR)
    assert list(refusal.value.errors) == ["to"]


def test_summary_reads_rollups_alone_when_there_are_many_calls(tenant: Tenant) -> None:
    webhook = uuid7()
    record(spread(2_000, tenant_id=tenant.id, target_id=webhook))
    rows = HourlyRollup.objects.count()
    with CaptureQueriesContext(connection) as queries:
        assert summary(tenant_id=tenant.id).total_calls == 2_000
    reads = [query["sql"] for query in queries if "analytics_" in query["sql"]]
    assert len(reads) == 1
    assert "analytics_webhookcall" not in reads[0]
    assert rows in {2 * 24, 2 * 25}


def test_summary_of_one_webhook_uses_the_key_when_there_are_many_others(tenant: Tenant) -> None:
    hours = [START - HOUR * ago for ago in range(200)]
    webhooks = [uuid7() for _ in range(20)]
    HourlyRollup.objects.bulk_create(
        HourlyRollup(tenant_id=tenant.id, target_id=webhook, hour=hour, calls=1, succeeded=1, attempts=1)
        for webhook in webhooks
        for hour in hours
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_hourlyrollup")
    with CaptureQueriesContext(connection) as queries:
        assert summary(tenant_id=tenant.id, webhook_id=webhooks[7]).total_calls == 200
    read = next(query["sql"] for query in queries if "analytics_" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {read}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan


def test_summaries_by_webhook_are_those_of_each_one_the_busiest_first(tenant: Tenant, other_tenant: Tenant) -> None:
    busy, quiet = uuid7(), uuid7()
    record(
        [
            call(
                tenant_id=tenant.id,
                target_id=quiet,
                response_time_ms=7_000,
                success=False,
                error_kind="status",
                status_code=404,
            ),
            *(call(tenant_id=tenant.id, target_id=busy) for _ in range(2)),
            call(tenant_id=other_tenant.id),
            call(tenant_id=tenant.id, timestamp=NOW - 2 * HOUR),
        ]
    )
    period = Period(START, START + HOUR)
    found = summaries_by_webhook(tenant_id=tenant.id, period=period)
    assert found == [
        summary(tenant_id=tenant.id, start=START, end=START + HOUR, webhook_id=webhook) for webhook in (busy, quiet)
    ]
    assert [(one.total_calls, one.failed_calls, one.p95) for one in found] == [(2, 0, 80), (1, 1, 8_000)]
    assert [one.webhook_id for one in summaries_by_webhook(tenant_id=tenant.id, period=period, limit=1)] == [busy]


def test_summaries_by_webhook_take_one_query_for_3_and_for_30_webhooks(tenant: Tenant) -> None:
    counts = []
    for more in (3, 27):
        record([call(tenant_id=tenant.id) for _ in range(more)])
        with CaptureQueriesContext(connection) as queries:
            found = summaries_by_webhook(tenant_id=tenant.id, period=Period(START, START + HOUR))
        counts.append((len(found), len([query for query in queries if "analytics_" in query["sql"]])))
    assert counts == [(3, 1), (30, 1)]


def test_platform_sums_up_all_tenants_and_each_from_their_own_rows(tenant: Tenant, other_tenant: Tenant) -> None:
    record([call(tenant_id=tenant.id) for _ in range(3)])
    record([call(tenant_id=other_tenant.id, success=False, status_code=500, error_kind="status")])
    with CaptureQueriesContext(connection) as queries:
        everybody = summary(tenant_id=None, start=START, end=START + HOUR)
        each = summaries_by_tenant(period=Period(START, START + HOUR))
    assert (everybody.total_calls, everybody.failed_calls, everybody.success_rate) == (4, 1, 75.0)
    assert [(one.tenant_id, one.total_calls) for one in each] == [(tenant.id, 3), (other_tenant.id, 1)]
    assert len(queries) == 2
    assert all(ALL_TARGETS.hex in query["sql"] for query in queries)


def test_platforms_summary_leads_to_each_tenants_rows_by_the_key(tenant: Tenant) -> None:
    hours = [START - HOUR * ago for ago in range(200)]
    HourlyRollup.objects.bulk_create(
        HourlyRollup(tenant_id=tenant.id, target_id=target, hour=hour, calls=1)
        for target in (ALL_TARGETS, *(uuid7() for _ in range(20)))
        for hour in hours
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_hourlyrollup")
    with CaptureQueriesContext(connection) as queries:
        assert summary(tenant_id=None, start=START - 9 * HOUR, end=START + HOUR).total_calls == 10
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on analytics_hourlyrollup" not in plan
