from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.call_filter import CLOCK_SLACK, CallFilter
from analytics.outcomes import OutcomeClass
from analytics.queries import calls_of_tenant, calls_of_webhook, requests_of_runs
from integrations.errors import InvalidInputError
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from integrations.partitioning.partitions import make_partitions
from tests.analytics.calls import NOW, call, record, spread

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_filter_chooses_calls(tenant: Tenant) -> None:
    webhook = uuid7()
    of_one: dict[str, Any] = {"tenant_id": tenant.id, "target_id": webhook}
    failed: dict[str, Any] = {**of_one, "success": False}
    made = [
        call(**of_one, triggered_by="checkout", event_type="order.paid"),
        call(**of_one, status_code=204, event_type="order.created"),
        call(**failed, status_code=503, error_kind="status", error_message="The endpoint answered 503."),
        call(**failed, status_code=404, error_kind="status", error_message="The endpoint answered 404."),
        call(**failed, status_code=302, error_kind="status"),
        call(**failed, status_code=None, error_kind="timeout", error_message="No complete answer. 100%"),
        call(**failed, status_code=None, error_kind="dns"),
        call(**failed, status_code=200, error_kind="protocol"),
        call(**failed, status_code=None, error_kind="refused"),
        call(**failed, status_code=None, error_kind="configuration"),
        call(**failed, status_code=503, error_kind="status", is_final=False),
        call(tenant_id=tenant.id),
    ]
    record(made)
    places = {one.id: place for place, one in enumerate(made)}

    def chosen(**conditions: Any) -> list[int]:
        wanted = CallFilter(**conditions)
        with tenant_scope(tenant):
            found = calls_of_webhook(tenant_id=tenant.id, webhook_id=webhook, wanted=wanted)
            return sorted(places[one.id] for one in found)

    assert chosen() == list(range(10))
    assert chosen(every_attempt=True) == list(range(11))
    assert chosen(success=True) == [0, 1]
    assert chosen(success=False) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert chosen(status_code=204) == [1]
    assert chosen(status_code=503, every_attempt=True) == [2, 10]
    assert chosen(status_code=200) == [0, 7]
    by_class = {each: chosen(status_class=each) for each in OutcomeClass}
    assert by_class == {
        OutcomeClass.ANSWERED_2XX: [0, 1],
        OutcomeClass.ANSWERED_3XX: [4],
        OutcomeClass.ANSWERED_4XX: [3],
        OutcomeClass.ANSWERED_5XX: [2],
        OutcomeClass.TIMEOUT: [5],
        OutcomeClass.CONNECTION: [6, 7],
        OutcomeClass.GUARD: [8],
        OutcomeClass.NOT_SENT: [9],
    }
    assert chosen(event_type="order.paid") == [0]
    assert chosen(triggered_by="checkout", success=True) == [0]
    assert chosen(triggered_by="checkout", success=False) == []
    assert chosen(error="ANSWERED 4") == [3]
    assert chosen(error="0%") == [5]
    assert chosen(error="_") == []
    with tenant_scope(tenant):
        assert calls_of_tenant(tenant_id=tenant.id).count() == 11


def test_calls_of_all_tenants_are_the_owners(tenant: Tenant, other_tenant: Tenant) -> None:
    made = [call(tenant_id=one.id) for one in (tenant, other_tenant)]
    record(made)
    assert {one.id for one in calls_of_tenant(tenant_id=None)} == {one.id for one in made}


def test_filter_by_time_keeps_the_start_and_leaves_out_the_end(tenant: Tenant) -> None:
    moments = [NOW - 2 * MINUTE, NOW - MINUTE, NOW]
    record([call(tenant_id=tenant.id, timestamp=moment) for moment in moments])
    wanted = CallFilter(start=moments[1], end=moments[2])
    with tenant_scope(tenant):
        found = calls_of_tenant(tenant_id=tenant.id, wanted=wanted)
        assert [one.timestamp for one in found] == [moments[1]]


@pytest.mark.parametrize(
    "condition",
    [
        {"status_code": 500},
        {"status_class": OutcomeClass.TIMEOUT},
        {"event_type": "x"},
        {"triggered_by": "x"},
        {"error": "x"},
    ],
    ids=str,
)
def test_search_goes_over_seven_days_and_never_more(condition: dict[str, Any]) -> None:
    with time_machine.travel(NOON, tick=False):
        assert CallFilter(**condition).bounded().start == NOON - 7 * DAY
        assert CallFilter(**condition, end=NOON - DAY).bounded().start == NOON - 8 * DAY
        for allowed in (
            CallFilter(**condition, start=NOON - 7 * DAY),
            CallFilter(**condition, start=NOON - 7 * DAY, end=NOON + DAY),
            CallFilter(**condition, start=NOON - 60 * DAY, end=NOON - 53 * DAY),
        ):
            assert allowed.bounded() == allowed
        for refused in (
            CallFilter(**condition, start=NOON - 7 * DAY - 2 * CLOCK_SLACK),
            CallFilter(**condition, start=NOON - 60 * DAY, end=NOON - 50 * DAY),
        ):
            with pytest.raises(InvalidInputError) as refusal:
                refused.bounded()
            assert "7 days at most" in refusal.value.errors["from"][0]
        with pytest.raises(InvalidInputError) as refusal:
            CallFilter(**condition, start=NOON + DAY).bounded()
        assert refusal.value.errors == {"from": ["This must lie in the past."]}


def test_list_without_a_search_may_go_back_as_far_as_there_are_calls() -> None:
    for wanted in (CallFilter(), CallFilter(success=False, start=NOON - 3000 * DAY), CallFilter(every_attempt=True)):
        assert wanted.bounded() == wanted


def test_reversed_period_is_refused() -> None:
    with pytest.raises(InvalidInputError) as refusal:
        CallFilter(start=NOON, end=NOON).bounded()
    assert refusal.value.errors == {"to": ["This must be later than `from`."]}


def test_requests_are_counted_by_run(tenant: Tenant, other_tenant: Tenant) -> None:
    delivery, single = uuid7(), uuid7()
    again: dict[str, Any] = {"tenant_id": tenant.id, "delivery_id": delivery, "id": None}
    made = [
        call(**{**again, "id": uuid7()}, is_final=False),
        call(**{**again, "id": uuid7()}, attempt=2),
        call(**{**again, "id": uuid7()}, run=2),
        call(tenant_id=tenant.id, delivery_id=single, id=uuid7()),
        call(tenant_id=tenant.id, id=uuid7()),
        call(tenant_id=other_tenant.id, delivery_id=delivery, id=uuid7()),
    ]
    record(made)
    with tenant_scope(tenant):
        with CaptureQueriesContext(connection) as queries:
            counted = requests_of_runs(tenant_id=tenant.id, delivery_ids={delivery, single})
        assert requests_of_runs(tenant_id=tenant.id, delivery_ids=[]) == {}
    assert counted == {(delivery, 1): 2, (delivery, 2): 1, (single, 1): 1}
    assert len(queries) == 1


def test_failures_among_many_successes_are_read_from_their_own_index(tenant: Tenant) -> None:
    webhook = uuid7()
    record(spread(20_000, tenant_id=tenant.id, target_id=webhook))
    failures: dict[str, Any] = {"success": False, "status_code": 503, "error_kind": "status", "error_message": "Busy."}
    record(spread(30, tenant_id=tenant.id, target_id=webhook, **failures))
    make_partitions()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_webhookcall")
    for wanted in (
        CallFilter(success=False),
        CallFilter(error="busy"),
        CallFilter(status_class=OutcomeClass.ANSWERED_5XX),
        CallFilter(status_code=503),
    ):
        for calls in (
            calls_of_tenant(tenant_id=tenant.id, wanted=wanted),
            calls_of_webhook(tenant_id=tenant.id, webhook_id=webhook, wanted=wanted),
        ):
            with tenant_scope(tenant):
                plan = calls[:51].explain(analyze=True, costs=False, timing=False)
                assert calls.count() == 30
            removed = sum(map(int, re.findall(r"Rows Removed by Filter: (\d+)", plan)))
            assert removed == 0, plan
