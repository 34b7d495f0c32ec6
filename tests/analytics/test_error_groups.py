from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import error_groups as module
from analytics.error_groups import ErrorGroup, error_groups, normalised
from analytics.period import HOUR, MINUTE, Period
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.partitioning.partitions import make_partitions
from tests.analytics.calls import NOW, call, record, spread

PERIOD = Period(NOW - 24 * HOUR, NOW + HOUR)
FAILED: dict[str, Any] = {"success": False, "status_code": 503, "error_kind": "status", "error_message": "Busy."}


def test_failures_of_the_same_kind_are_taken_together(tenant: Tenant, other_tenant: Tenant) -> None:
    webhook, other = uuid7(), uuid7()
    slow = {"success": False, "status_code": None, "error_kind": "timeout"}
    made = [
        call(tenant_id=tenant.id, target_id=webhook, timestamp=NOW - 9 * MINUTE, is_final=False, error_message="No answer within 30 s.", **slow),
        call(tenant_id=tenant.id, target_id=webhook, timestamp=NOW - 3 * MINUTE, is_final=False, error_message="No answer within 5.5 s.", **slow),
        call(tenant_id=tenant.id, target_id=webhook, timestamp=NOW - 2 * MINUTE, error_message="No answer within 30 s.", workflow_name="renamed", **slow),
        call(tenant_id=tenant.id, target_id=webhook, timestamp=NOW - MINUTE, **FAILED),
        call(tenant_id=tenant.id, target_id=webhook, timestamp=NOW - MINUTE, **{**FAILED, "status_code": 502}),
        call(tenant_id=tenant.id, target_id=other, **FAILED),
        call(tenant_id=tenant.id, target_id=other),
        call(tenant_id=tenant.id, target_id=webhook, timestamp=NOW - 25 * HOUR, **FAILED),
        call(tenant_id=other_tenant.id, target_id=webhook, **FAILED),
    ]  # fmt: skip
    record(made)
    found = error_groups(tenant_id=tenant.id, period=PERIOD)
    assert (found.start, found.end, found.examined, found.is_complete) == (PERIOD.start, PERIOD.end, 6, True)
    assert found.examined_since == PERIOD.start
    assert found.groups[0] == ErrorGroup(
        webhook_id=webhook,
        workflow_name="renamed",
        error_kind="timeout",
        status_code=None,
        message="No answer within 30 s.",
        count=3,
        calls=1,
        first_seen=NOW - 9 * MINUTE,
        last_seen=NOW - 2 * MINUTE,
        example_call_id=made[2].id,
        example_delivery_id=made[2].delivery_id,
    )
    assert {(one.webhook_id, one.status_code, one.count) for one in found.groups[1:]} == {
        (webhook, 503, 1),
        (webhook, 502, 1),
        (other, 503, 1),
    }
    of_one = error_groups(tenant_id=tenant.id, period=PERIOD, webhook_id=other)
    assert [(one.webhook_id, one.count) for one in of_one.groups] == [(other, 1)]
    largest = error_groups(tenant_id=tenant.id, period=PERIOD, limit=1).groups
    assert [one.count for one in largest] == [3]


def test_only_the_newest_failures_are_examined_and_the_answer_says_so(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXAMINED", 4)
    failures = [call(tenant_id=tenant.id, timestamp=NOW - number * MINUTE, **FAILED) for number in range(4)]
    record(failures)
    assert error_groups(tenant_id=tenant.id, period=PERIOD).is_complete
    record([call(tenant_id=tenant.id, timestamp=NOW - 9 * MINUTE, **FAILED)])
    found = error_groups(tenant_id=tenant.id, period=PERIOD)
    assert (found.examined, found.is_complete, found.examined_since) == (4, False, NOW - 3 * MINUTE)
    assert {one.webhook_id for one in found.groups} == {one.target_id for one in failures}


@pytest.mark.parametrize(
    ("message", "same"),
    [
        ("No answer within 30 s.", "No answer within 2.5 s."),
        ("Cannot connect to 192.0.2.1:443.", "Cannot connect to 198.51.100.77:8443."),
        ("Cannot connect to [2001:db8::1]:443.", "Cannot connect to [2001:db8:0:1::ffff]:443."),
        ("Job 019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e", "Job 019a9f5e-0000-7cc4-9d0a-AAAA4b5c6d7e"),
        ("Trace 4bf92f3577b34da6", "Trace 00f067aa0ba902b7"),
    ],
)
def test_messages_are_the_same_when_ids_addresses_and_numbers_differ(message: str, same: str) -> None:
    assert normalised(message) == normalised(same)


def test_messages_differ_when_words_do() -> None:
    assert normalised("The name is unknown.") == "The name is unknown."
    assert normalised("deadbeef") == "deadbeef"  # letters alone may be a word
    assert normalised("") == ""


def test_failures_are_read_from_an_index_that_holds_nothing_else(tenant: Tenant) -> None:
    webhook = uuid7()
    record(spread(20_000, tenant_id=tenant.id, target_id=webhook))
    record(spread(20, tenant_id=tenant.id, target_id=webhook, **FAILED))
    make_partitions()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_webhookcall")
    for webhook_id in (None, webhook):
        with CaptureQueriesContext(connection) as queries:
            found = error_groups(tenant_id=tenant.id, period=PERIOD, webhook_id=webhook_id)
        assert [one.count for one in found.groups] == [20]
        (read,) = [query["sql"] for query in queries if "analytics_webhookcall" in query["sql"]]
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {read}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Rows Removed by Filter" not in plan
        assert f"analytics_webhookcall_p{NOW - timedelta(days=3):%Y%m%d}" not in plan
