from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import DataError, UniqueViolation

from analytics.histogram import histogram_of
from analytics.models import ALL_TARGETS, ALL_TARGETS_KIND, HourlyRollup, MinuteRollup, Rollup, WebhookCall
from analytics.outcomes import OutcomeClass
from analytics.recording import CallRecord, ErrorKind, recorded_ids, without_content
from integrations.ids import uuid7
from tests.analytics.calls import NOW, call, record

TENANT = uuid7()
HOUR = NOW.replace(minute=0)


def stored_numbers(target_id: UUID) -> tuple[int, int, int, int, int]:
    rollup = HourlyRollup.objects.get(target_id=target_id)
    return rollup.calls, rollup.succeeded, rollup.failed, rollup.attempts, rollup.response_time_ms_sum


def test_record_has_the_columns_of_the_model() -> None:
    assert {column.name for column in fields(CallRecord)} == {
        field.attname for field in WebhookCall._meta.concrete_fields
    }


def test_call_is_stored_as_it_was_given(db: None) -> None:
    given = call(
        tenant_id=TENANT,
        event_type="order.created",
        run=2,
        attempt=4,
        is_final=False,
        triggered_by="nightly \\ job\t'x'",
        request_headers={"User-Agent": 'Signalbox "1"', "webhook-id": "1"},
        status_code=503,
        response_body='{"error": "über\\n"}\n\\N',
        response_time_ms=1234,
        dns_ms=1,
        connect_ms=2,
        tls_ms=3,
        first_byte_ms=1200,
        success=False,
        error_kind=ErrorKind.STATUS,
        error_message="503 Service Unavailable",
        metadata={"order": 7, "tags": ["a", None]},
    )
    record([given])
    stored = WebhookCall.objects.get()
    assert {column.name: getattr(stored, column.name) for column in fields(CallRecord)} == {
        column.name: getattr(given, column.name) for column in fields(CallRecord)
    }


def test_unmeasured_values_are_null(db: None) -> None:
    record([call(tenant_id=TENANT, status_code=None, success=False, error_kind=ErrorKind.DNS)])
    stored = WebhookCall.objects.get()
    assert (stored.status_code, stored.dns_ms, stored.connect_ms, stored.tls_ms) == (None, None, None, None)
    assert (stored.request_headers, stored.metadata, stored.response_body) == ({}, {}, "")


def test_rollup_counts_final_attempts_as_calls_and_every_attempt_in_its_times(db: None) -> None:
    webhook = uuid7()
    failed_attempt = call(tenant_id=TENANT, target_id=webhook, is_final=False, success=False, response_time_ms=500)
    record(
        [
            failed_attempt,
            replace(failed_attempt, id=uuid7(), attempt=2, is_final=True, success=True, response_time_ms=40),
            call(tenant_id=TENANT, target_id=webhook, success=False, response_time_ms=30_000),
            call(tenant_id=TENANT, target_id=webhook, response_time_ms=0),
        ]
    )
    assert stored_numbers(webhook) == (3, 2, 1, 4, 30_540)
    assert HourlyRollup.objects.get(target_id=webhook).histogram == histogram_of([500, 40, 30_000, 0])


def test_rollup_adds_up_when_another_batch_follows(db: None) -> None:
    webhook, other = uuid7(), uuid7()
    for times in ([10, 20], [20, 5_000]):
        record([call(tenant_id=TENANT, target_id=webhook, response_time_ms=time) for time in times])
    record([call(tenant_id=TENANT, target_id=other, success=False)])
    assert stored_numbers(webhook) == (4, 4, 0, 4, 5_050)
    assert HourlyRollup.objects.get(target_id=webhook).histogram == histogram_of([10, 20, 20, 5_000])
    assert stored_numbers(other) == (1, 0, 1, 1, 60)


@pytest.mark.parametrize("zone_hours", [0, 5.5, -3])
def test_rollup_takes_the_hour_in_utc_when_the_time_has_another_zone(db: None, zone_hours: float) -> None:
    zone = timezone(timedelta(hours=zone_hours))
    for moment in (HOUR, HOUR + timedelta(minutes=59, seconds=59, microseconds=999_999), HOUR + timedelta(hours=1)):
        record([call(tenant_id=TENANT, timestamp=moment.astimezone(zone))])
    last = HOUR + timedelta(hours=1)
    hours = HourlyRollup.objects.exclude(target_id=ALL_TARGETS).order_by("hour").values_list("hour", flat=True)
    assert list(hours) == [HOUR, HOUR, last]
    minutes = MinuteRollup.objects.exclude(target_id=ALL_TARGETS).order_by("minute").values_list("minute", flat=True)
    assert list(minutes) == [HOUR, HOUR + timedelta(minutes=59), last]
    assert list(HourlyRollup.objects.filter(target_id=ALL_TARGETS).order_by("hour").values_list("hour", "calls")) == [
        (HOUR, 2),
        (last, 1),
    ]


def test_outcome_classes_count_every_attempt(db: None) -> None:
    webhook = uuid7()
    made = [(200, ""), (302, "status"), (404, "status"), (429, "status"), (500, "status"), (None, "timeout")]
    made += [(None, kind) for kind in ("dns", "connect", "tls", "protocol", "interrupted", "refused", "configuration")]
    record(
        [
            call(tenant_id=TENANT, target_id=webhook, status_code=status, error_kind=kind, success=not kind)
            for status, kind in made
        ]
    )
    for model in (HourlyRollup, MinuteRollup):
        for target in (webhook, ALL_TARGETS):
            stored = model._default_manager.values(*OutcomeClass.values, "attempts").get(target_id=target)
            assert stored == {
                **{"answered_2xx": 1, "answered_3xx": 1, "answered_4xx": 2, "answered_5xx": 1, "timeouts": 1},
                **{"connection_failures": 5, "guard_refusals": 1, "not_sent": 1, "attempts": 13},
            }


def test_rows_of_a_whole_tenant_add_up_its_webhooks_and_no_others(db: None) -> None:
    record([call(tenant_id=TENANT, response_time_ms=time) for time in (10, 20, 400)])
    record([call(tenant_id=uuid7())])
    for model in (HourlyRollup, MinuteRollup):
        whole = model._default_manager.get(tenant_id=TENANT, target_id=ALL_TARGETS)
        assert (whole.target_kind, whole.calls, whole.response_time_ms_sum) == (ALL_TARGETS_KIND, 3, 430)
        assert whole.histogram == histogram_of([10, 20, 400])


def test_nothing_is_written_when_there_are_no_calls(db: None) -> None:
    record([])
    assert [model._default_manager.count() for model in (WebhookCall, HourlyRollup, MinuteRollup)] == [0, 0, 0]


@pytest.mark.parametrize("body", ["a\x00b", "x" * 10])
def test_guilty_row_is_stored_without_its_content(db: None, body: str) -> None:
    guilty = call(tenant_id=TENANT, response_body=body, error_message="y" * 501, metadata={"a": "\x00"})
    with pytest.raises(DataError), transaction.atomic():
        record([guilty])
    record([without_content(guilty, reason="z" * 600)])
    stored = WebhookCall.objects.get()
    assert (stored.id, stored.response_time_ms) == (guilty.id, 60)
    assert (stored.response_body, stored.metadata, stored.error_message) == ("", {}, "z" * 500)


def test_recorded_ids_tell_a_batch_that_was_committed(db: None) -> None:
    committed, lost = call(tenant_id=TENANT), call(tenant_id=TENANT)
    record([committed])
    with connection.cursor() as wrapper:
        assert recorded_ids(wrapper.cursor, [committed, lost]) == {committed.id}
    with pytest.raises(UniqueViolation), transaction.atomic():
        record([committed])
    assert stored_numbers(committed.target_id)[3] == 1


def test_minutes_stay_apart_when_their_hour_is_the_same(db: None) -> None:
    one, other = uuid7(), uuid7()
    later = NOW + timedelta(minutes=1)
    record(
        [
            call(tenant_id=TENANT, target_id=one, response_time_ms=10),
            call(tenant_id=TENANT, target_id=other, response_time_ms=20, timestamp=later),
        ]
    )
    minutes = MinuteRollup.objects.order_by("target_id", "minute").values_list("target_id", "minute", "calls")
    assert list(minutes) == [(ALL_TARGETS, NOW, 1), (ALL_TARGETS, later, 1), (one, NOW, 1), (other, later, 1)]
    hours = HourlyRollup.objects.order_by("target_id").values_list("target_id", "hour", "response_time_ms_sum")
    assert list(hours) == [(ALL_TARGETS, HOUR, 30), (one, HOUR, 10), (other, HOUR, 20)]


@pytest.mark.django_db(transaction=True)
def test_two_writers_never_deadlock_when_they_meet_webhooks_in_opposite_orders() -> None:
    webhooks = [uuid7() for _ in range(60)]
    rounds = 30

    def write(order: list[UUID]) -> None:
        try:
            for _ in range(rounds):
                record([call(tenant_id=TENANT, target_id=webhook) for webhook in order])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, (webhooks, webhooks[::-1])))  # raises what a thread raised
    assert [stored_numbers(webhook) for webhook in webhooks] == [(60, 60, 0, 60, 3_600)] * 60


ATTEMPTS = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=2),  # webhook
        st.integers(min_value=0, max_value=2),  # hours ago
        st.integers(min_value=0, max_value=61_000),  # response time
        st.booleans(),  # success
        st.booleans(),  # final
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attempts=ATTEMPTS, batches=st.integers(min_value=1, max_value=4))
def test_rollups_equal_what_the_rows_add_up_to(
    db: None, attempts: list[tuple[int, int, int, bool, bool]], batches: int
) -> None:
    webhooks = [uuid7() for _ in range(3)]
    calls = [
        call(
            tenant_id=TENANT,
            target_id=webhooks[webhook],
            timestamp=NOW - timedelta(hours=ago),
            response_time_ms=time,
            success=success,
            is_final=final,
        )
        for webhook, ago, time, success, final in attempts
    ]
    for first in range(batches):
        record(calls[first::batches])

    assert_adds_up(HourlyRollup, calls, webhooks, lambda made: made.timestamp.replace(minute=0))
    assert_adds_up(MinuteRollup, calls, webhooks, lambda made: made.timestamp)


def assert_adds_up(
    model: type[Rollup], calls: list[CallRecord], webhooks: list[UUID], span_of: Callable[[CallRecord], datetime]
) -> None:
    expected: dict[tuple[UUID, datetime], list[CallRecord]] = {}
    for made in calls:
        expected.setdefault((made.target_id, span_of(made)), []).append(made)
    rollups = model._default_manager.filter(target_id__in=webhooks)
    assert {
        (rollup.target_id, getattr(rollup, model.span_column)): (
            rollup.calls,
            rollup.succeeded,
            rollup.failed,
            rollup.attempts,
            rollup.histogram,
        )
        for rollup in rollups
    } == {
        key: (
            sum(made.is_final for made in group),
            sum(made.is_final and made.success for made in group),
            sum(made.is_final and not made.success for made in group),
            len(group),
            histogram_of(made.response_time_ms for made in group),
        )
        for key, group in expected.items()
    }
