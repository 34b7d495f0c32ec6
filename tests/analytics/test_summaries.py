from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import ALL_TARGETS, HourlyRollup
from analytics.summaries import Summary, summary
from integrations.errors import InvalidInputError
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.analytics.calls import NOW, call, record, spread

HOUR = timedelta(hours=1)
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
def test_summary_covers_the_hours_that_the_period_touches(
    tenant: Tenant, first_minute: int, last_minute: int, calls: int
) -> None:
    record([call(tenant_id=tenant.id)])
    if calls == 3:
        record([call(tenant_id=tenant.id, timestamp=START - HOUR), call(tenant_id=tenant.id, timestamp=START + HOUR)])
    minute = timedelta(minutes=1)
    covered = summary(tenant_id=tenant.id, start=START + first_minute * minute, end=START + last_minute * minute)
    assert covered.total_calls == calls


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
