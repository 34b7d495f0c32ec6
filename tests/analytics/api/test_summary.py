from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.authentication.tokens import issue_tokens
from integrations.ids import uuid7
from integrations.models import Tenant, User
from tests.analytics.calls import NOW, Directory, KnownWebhook, call, record, spread

HOUR = timedelta(hours=1)
NO_OUTCOMES = dict.fromkeys(("2xx", "3xx", "4xx", "5xx", "timeout", "connection", "guard", "not_sent"), 0)


def address(tenant: Tenant) -> str:
    return f"/api/platform/tenants/{tenant.id}/webhooks/analytics/summary"


def text(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


def test_summary_is_answered_with_the_hours_that_it_covers(
    api: APIClient, tenant: Tenant, webhook: KnownWebhook
) -> None:
    record(
        [
            call(tenant_id=tenant.id, target_id=webhook.id, response_time_ms=100),
            call(
                tenant_id=tenant.id,
                target_id=webhook.id,
                response_time_ms=201,
                success=False,
                is_final=False,
                status_code=500,
            ),
            call(tenant_id=tenant.id, target_id=webhook.id, response_time_ms=100, success=False, status_code=500),
            call(tenant_id=tenant.id, response_time_ms=9_000),
        ]
    )
    start = NOW.replace(minute=0)
    parameters = {"webhook": str(webhook.id), "from": text(NOW - 7 * HOUR), "to": text(NOW + HOUR / 60)}
    answer = api.get(address(tenant), parameters)
    assert answer.status_code == 200
    assert answer.json() == {
        "from": text(start - 7 * HOUR),
        "to": text(start + HOUR),
        "webhook": str(webhook.id),
        "total_calls": 2,
        "successful_calls": 1,
        "failed_calls": 1,
        "attempts": 3,
        "success_rate": 50.0,
        "average_response_time_ms": 133.7,
        "p50": 120,
        "p95": 300,
        "p99": 300,
        "outcomes": {**NO_OUTCOMES, "2xx": 1, "5xx": 2},
    }


def test_summary_of_nothing_has_zeros_and_nulls(api: APIClient, tenant: Tenant) -> None:
    answer = api.get(address(tenant)).json()
    assert {name: answer[name] for name in answer if name not in {"from", "to"}} == {
        "webhook": None,
        "total_calls": 0,
        "successful_calls": 0,
        "failed_calls": 0,
        "attempts": 0,
        "success_rate": None,
        "average_response_time_ms": None,
        "p50": None,
        "p95": None,
        "p99": None,
        "outcomes": NO_OUTCOMES,
    }


def test_summary_finds_webhooks_by_name_and_deleted_ones_by_id(
    api: APIClient, tenant: Tenant, webhook: KnownWebhook
) -> None:
    deleted = call(tenant_id=tenant.id)
    record([deleted])
    by_name = api.get(address(tenant), {"webhook": webhook.name}).json()
    assert (by_name["webhook"], by_name["total_calls"]) == (str(webhook.id), 0)
    by_id = api.get(address(tenant), {"webhook": str(deleted.target_id)}).json()
    assert (by_id["webhook"], by_id["total_calls"]) == (str(deleted.target_id), 1)


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("webhook=01a1f8c3-0000-7000-8000-000000000001", "webhook", "no such webhook"),
        ("webhook=order%00", "webhook", "Null"),
        ("webhook=", "webhook", "blank"),
        ("from=2026-13-01T00:00:00Z", "from", "ISO 8601"),
        ("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to", "later than `from`"),
        ("from=2024-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from", "400 days"),
        ("from=2999-01-01T00:00:00Z", "from", "past"),
        ("range=2h", "range", "Must be one of 1h, 24h, 7d, 30d."),
        ("range=1h&from=2026-01-01T00:00:00Z", "range", "either"),
        ("range=1h&to=2026-01-01T00:00:00Z", "range", "either"),
        ("range=1h&range=7d", "range", "once"),
        ("cursor=x", "cursor", "no such field"),
    ],
)
def test_wrong_parameter_is_named(
    api: APIClient, tenant: Tenant, directory: Directory, query: str, field: str, reason: str
) -> None:
    answer = api.get(f"{address(tenant)}?{query}")
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert reason in answer.json()["errors"][field][0]


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("1h", "2026-03-10T11:17:00Z", "2026-03-10T12:18:00Z"),
        ("24h", "2026-03-09T12:00:00Z", "2026-03-10T13:00:00Z"),
        ("7d", "2026-03-03T12:00:00Z", "2026-03-10T13:00:00Z"),
        ("30d", "2026-02-08T12:00:00Z", "2026-03-10T13:00:00Z"),
    ],
)
def test_range_ends_now_and_is_answered_with_what_it_covers(
    api: APIClient, tenant: Tenant, name: str, start: str, end: str
) -> None:
    now = datetime(2026, 3, 10, 12, 17, 31, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=User.objects.get(username='ada')).access}")
        record([call(tenant_id=tenant.id, timestamp=now - timedelta(minutes=1))])
        answer = api.get(address(tenant), {"range": name}).json()
    assert (answer["from"], answer["to"], answer["total_calls"]) == (start, end, 1)


def test_summary_takes_the_same_queries_for_3_and_for_30_rows(api: APIClient, tenant: Tenant) -> None:
    counts = []
    for rows in (3, 27):
        for one in spread(rows, tenant_id=tenant.id, target_id=uuid7()):
            record([one])
        with CaptureQueriesContext(connection) as queries:
            api.get(address(tenant))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_only_platform_admins_are_let_in(anonymous_api: APIClient, tenant: Tenant, django_user_model: Any) -> None:
    assert anonymous_api.get(address(tenant)).status_code == 401
    anonymous_api.force_authenticate(django_user_model.objects.create_user("eve"))
    assert anonymous_api.get(address(tenant)).status_code == 403
