from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.models import Tenant
from tests.analytics.calls import NOW, Directory, KnownWebhook, call, record

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NO_OUTCOMES = dict.fromkeys(("2xx", "3xx", "4xx", "5xx", "timeout", "connection", "guard", "not_sent"), 0)
FAILED: dict[str, Any] = {"success": False, "status_code": 503, "error_kind": "status", "error_message": "Busy: 7."}
KINDS = ("summary", "webhooks", "timeseries", "peaks", "errors")


def address(tenant: Tenant, kind: str) -> str:
    return f"/api/platform/tenants/{tenant.slug}/webhooks/analytics/{kind}"


def text(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


def test_series_is_answered_in_buckets(api: APIClient, tenant: Tenant, webhook: KnownWebhook) -> None:
    record(
        [
            call(tenant_id=tenant.id, target_id=webhook.id, timestamp=NOW - HOUR),
            call(tenant_id=tenant.id, target_id=webhook.id, timestamp=NOW - HOUR, response_time_ms=200, **FAILED),
            call(tenant_id=tenant.id, timestamp=NOW - HOUR),
        ]
    )
    asked = {"webhook": webhook.name, "from": text(NOW - HOUR), "to": text(NOW - HOUR + 2 * MINUTE)}
    answer = api.get(address(tenant, "timeseries"), asked)
    assert answer.status_code == 200
    empty = {
        **{"total_calls": 0, "successful_calls": 0, "failed_calls": 0, "attempts": 0, "success_rate": None},
        **{"average_response_time_ms": None, "p50": None, "p95": None, "p99": None, "outcomes": NO_OUTCOMES},
    }
    assert answer.json() == {
        "from": asked["from"],
        "to": asked["to"],
        "webhook": str(webhook.id),
        "bucket_seconds": 60,
        "buckets": [
            {
                "from": text(NOW - HOUR),
                "to": text(NOW - HOUR + MINUTE),
                **{"total_calls": 2, "successful_calls": 1, "failed_calls": 1, "attempts": 2, "success_rate": 50.0},
                **{"average_response_time_ms": 130.0, "p50": 80, "p95": 200, "p99": 200},
                "outcomes": {**NO_OUTCOMES, "2xx": 1, "5xx": 1},
            },
            {"from": text(NOW - HOUR + MINUTE), "to": text(NOW - HOUR + 2 * MINUTE), **empty},
        ],
    }
    everything = api.get(address(tenant, "timeseries"), {**asked, "webhook": ""})
    assert list(everything.json()["errors"]) == ["webhook"]
    del asked["webhook"]
    assert api.get(address(tenant, "timeseries"), asked).json()["buckets"][0]["total_calls"] == 3


def test_sums_of_each_webhook_come_with_its_name(
    api: APIClient, tenant: Tenant, other_tenant: Tenant, webhook: KnownWebhook
) -> None:
    deleted = call(tenant_id=tenant.id, **FAILED)
    record([call(tenant_id=tenant.id, target_id=webhook.id) for _ in range(2)])
    record([deleted, call(tenant_id=other_tenant.id)])
    asked = {"from": text(NOW), "to": text(NOW + MINUTE)}
    answer = api.get(address(tenant, "webhooks"), asked).json()
    assert (answer["from"], answer["to"]) == (asked["from"], asked["to"])
    shown = [(one["webhook"], one["workflow_name"], one["total_calls"], one["p50"]) for one in answer["results"]]
    assert shown == [(str(webhook.id), "order_created", 2, 65), (str(deleted.target_id), None, 1, 80)]
    assert answer["results"][1]["outcomes"] == {**NO_OUTCOMES, "5xx": 1}
    assert len(api.get(address(tenant, "webhooks"), {**asked, "limit": 1}).json()["results"]) == 1


def test_peaks_are_answered_for_all_hours_of_the_week(api: APIClient, tenant: Tenant, webhook: KnownWebhook) -> None:
    record([call(tenant_id=tenant.id, target_id=webhook.id), call(tenant_id=tenant.id, **FAILED)])
    asked = {"from": text(NOW), "to": text(NOW + MINUTE)}
    answer = api.get(address(tenant, "peaks"), asked).json()
    hour = NOW.replace(minute=0)
    assert (answer["from"], answer["to"], answer["webhook"]) == (text(hour), text(hour + HOUR), None)
    assert [(one["weekday"], one["hour"]) for one in answer["hours"]] == [(d, h) for d in range(7) for h in range(24)]
    busy = [one for one in answer["hours"] if one["total_calls"]]
    assert busy == [{"weekday": NOW.weekday(), "hour": NOW.hour, "total_calls": 2, "failed_calls": 1}]
    of_one = api.get(address(tenant, "peaks"), {**asked, "webhook": webhook.name}).json()
    assert sum(one["total_calls"] for one in of_one["hours"]) == 1


def test_errors_are_answered_in_groups(api: APIClient, tenant: Tenant, webhook: KnownWebhook) -> None:
    made = [
        call(tenant_id=tenant.id, target_id=webhook.id, timestamp=NOW - 2 * MINUTE, is_final=False, **FAILED),
        call(
            tenant_id=tenant.id, target_id=webhook.id, timestamp=NOW - MINUTE, **{**FAILED, "error_message": "Busy: 8."}
        ),
        call(tenant_id=tenant.id, **FAILED),
    ]
    record(made)
    asked = {"from": text(NOW - HOUR), "to": text(NOW + MINUTE), "limit": 1}
    assert api.get(address(tenant, "errors"), asked).json() == {
        "from": asked["from"],
        "to": asked["to"],
        "webhook": None,
        "examined": 3,
        "is_complete": True,
        "examined_since": asked["from"],
        "groups": [
            {
                "webhook": str(webhook.id),
                "workflow_name": "order_created",
                "error_kind": "status",
                "status_code": 503,
                "message": "Busy: 8.",
                "count": 2,
                "failed_calls": 1,
                "first_seen": text(NOW - 2 * MINUTE),
                "last_seen": text(NOW - MINUTE),
                "example_call": str(made[1].id),
                "example_delivery": str(made[1].delivery_id),
            }
        ],
    }
    of_one = api.get(address(tenant, "errors"), {**asked, "webhook": str(made[2].target_id)}).json()
    assert [group["count"] for group in of_one["groups"]] == [1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("range=90d", "range", "Must be one of 1h, 24h, 7d, 30d."),
        ("range=", "range", "Must be one of 1h, 24h, 7d, 30d."),
        ("range=1h&to=2026-01-01T00:00:00Z", "range", "either"),
        ("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to", "later than `from`"),
        ("from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00Z", "to", "later than `from`"),
        ("from=2024-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from", "400 days"),
        ("from=2999-01-01T00:00:00Z", "from", "past"),
        ("from=yesterday", "from", "ISO 8601"),
        ("from=2026-01-01", "from", "zone"),
        ("bucket=1", "bucket", "no such field"),
    ],
)
def test_wrong_parameter_is_named(
    api: APIClient, tenant: Tenant, directory: Directory, kind: str, query: str, field: str, reason: str
) -> None:
    answer = api.get(f"{address(tenant, kind)}?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert list(answer.json()["errors"]) == [field]
    assert reason in answer.json()["errors"][field][0]


@pytest.mark.parametrize("kind", ["summary", "timeseries", "peaks", "errors"])
def test_unknown_webhook_is_named(
    api: APIClient, tenant: Tenant, other_tenant: Tenant, directory: Directory, kind: str
) -> None:
    theirs = call(tenant_id=other_tenant.id)
    record([theirs])
    for reference in ("unheard_of", str(theirs.target_id), "00000000-0000-0000-0000-000000000000"):
        answer = api.get(address(tenant, kind), {"webhook": reference})
        assert (answer.status_code, answer.json()["errors"]) == (422, {"webhook": ["There is no such webhook."]})


@pytest.mark.parametrize(("kind", "most"), [("webhooks", 200), ("errors", 100)])
def test_limit_has_bounds(api: APIClient, tenant: Tenant, directory: Directory, kind: str, most: int) -> None:
    for limit, status in ((0, 422), (1, 200), (most, 200), (most + 1, 422), ("x", 422)):
        assert api.get(address(tenant, kind), {"limit": limit}).status_code == status


@pytest.mark.parametrize("kind", KINDS)
def test_figures_take_the_same_queries_for_3_and_for_30_webhooks(
    api: APIClient, tenant: Tenant, directory: Directory, kind: str
) -> None:
    counts = []
    for more in (3, 27):
        record([call(tenant_id=tenant.id, **FAILED) for _ in range(more)])
        with CaptureQueriesContext(connection) as queries:
            assert api.get(address(tenant, kind)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("kind", ["summary", "webhooks", "timeseries", "peaks"])
def test_figures_never_read_calls(api: APIClient, tenant: Tenant, directory: Directory, kind: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        api.get(address(tenant, kind), {"range": "30d"})
    assert not [query["sql"] for query in queries if "analytics_webhookcall" in query["sql"]]


@pytest.mark.parametrize("kind", [*KINDS, "calls", "calls/export"])
def test_unknown_tenant_is_not_found_and_strangers_are_not_let_in(
    api: APIClient, anonymous_api: APIClient, tenant: Tenant, directory: Directory, kind: str
) -> None:
    path = address(tenant, kind)
    assert api.get(path.replace("/acme/", "/nobody/")).status_code == 404
    assert anonymous_api.get(path).status_code == 401
