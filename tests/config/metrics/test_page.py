"""`/metrics`: who may read it, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from analytics.models import HourlyRollup
from config.metrics import flushing, page
from config.metrics.delivery_totals import _COLUMNS, _SEE, PAST
from config.models import DeliveryHour
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.process_metrics import STATEMENT, metrics
from tests.analytics.calls import call, record
from tests.config.metrics.scrapes import scrape, value
from tests.integrations.messaging.stored_messages import make_message

TOKEN = "t0ken-of-sixteen-and-more"

pytestmark = pytest.mark.django_db


def now() -> datetime:
    """Return this moment: of the test, not of its collection, which may be in the hour before."""
    return datetime.now(UTC)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        ({"HTTP_AUTHORIZATION": ""}, 401),
        ({"HTTP_AUTHORIZATION": "Bearer "}, 401),
        ({"HTTP_AUTHORIZATION": f"Bearer {TOKEN}x"}, 401),
        ({"HTTP_AUTHORIZATION": f"Basic {TOKEN}"}, 401),
        ({"HTTP_AUTHORIZATION": "Bearer \xff\udcff"}, 401),
        ({"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}, 200),
        ({"HTTP_AUTHORIZATION": f"bearer {TOKEN}"}, 200),
    ],
)
def test_only_the_token_opens_it(client: Client, settings: Settings, header: dict[str, Any], status: int) -> None:
    settings.METRICS_TOKEN = TOKEN
    response = client.get("/metrics", **header)
    assert response.status_code == status
    assert (status == 401) == ("Bearer" in response.headers.get("WWW-Authenticate", ""))
    assert TOKEN.encode() not in response.content


def test_production_without_a_token_has_no_such_page(client: Client, settings: Settings) -> None:
    assert client.get("/metrics").status_code == 200  # development
    settings.IS_PRODUCTION = True
    assert client.get("/metrics").status_code == 404


def test_is_asked_by_address_and_only_read(client: Client) -> None:
    assert client.get("/metrics", HTTP_HOST="10.0.0.5:8000").status_code == 200
    assert client.post("/metrics").status_code == 405


def test_a_database_that_fails_is_a_503_without_details(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DatabaseError("no route to db.internal")

    monkeypatch.setattr(page, "families", fail)
    response = client.get("/metrics")
    assert response.status_code == 503
    assert b"db.internal" not in response.content


def test_one_transaction_with_a_bound(client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get("/metrics")
    assert len(queries) < 25
    settings = [query["sql"] for query in queries if "statement_timeout" in query["sql"]]
    assert settings != []


def test_deliveries_and_attempts_come_from_what_was_recorded(tenant: Tenant, other_tenant: Tenant) -> None:
    before = scrape()
    record(
        [
            call(tenant_id=tenant.id, timestamp=now(), response_time_ms=60),
            call(tenant_id=tenant.id, timestamp=now(), response_time_ms=700, success=False, status_code=500,
                 error_kind="status", is_final=False),
            call(tenant_id=other_tenant.id, timestamp=now(), response_time_ms=59_000, success=False, status_code=None,
                 error_kind="timeout"),
        ]
    )  # fmt: skip
    after = scrape()

    def grew(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grew("signalbox_deliveries_total", outcome="succeeded") == 1
    assert grew("signalbox_deliveries_total", outcome="failed") == 1
    assert grew("signalbox_attempts_total", outcome="answered_2xx") == 1
    assert grew("signalbox_attempts_total", outcome="answered_5xx") == 1
    assert grew("signalbox_attempts_total", outcome="timeouts") == 1
    assert grew("signalbox_attempt_duration_seconds_count") == 3
    assert grew("signalbox_attempt_duration_seconds_sum") == pytest.approx(59.76)
    assert [grew("signalbox_attempt_duration_seconds_bucket", le=le) for le in ("0.05", "0.08", "0.8", "30.0", "+Inf")] == [
        0, 1, 2, 2, 3,
    ]  # fmt: skip


def totals() -> tuple[float, float]:
    samples = scrape()
    return (
        value(samples, "signalbox_deliveries_total", outcome="succeeded"),
        value(samples, "signalbox_attempt_duration_seconds_count"),
    )


def test_counters_never_shrink_when_a_tenant_goes(tenant: Tenant, other_tenant: Tenant) -> None:
    record([call(tenant_id=tenant.id, timestamp=now()) for _ in range(5)])
    record([call(tenant_id=other_tenant.id, timestamp=now()) for _ in range(2)])
    assert totals() == (7, 7)
    HourlyRollup.objects.filter(tenant_id=tenant.id).delete()
    assert totals() == (7, 7)
    record([call(tenant_id=other_tenant.id, timestamp=now()) for _ in range(6)])
    assert totals() == (8, 8)


def test_counts_on_over_the_hours_and_adds_up_those_that_are_over(tenant: Tenant) -> None:
    """As if the site had been scraped for months, lastly five hours ago, and then for a long time not."""
    width = len(_COLUMNS)
    hours = [PAST, now() - timedelta(hours=80), now() - timedelta(hours=75), now() - timedelta(hours=5)]
    for hour in hours:
        DeliveryHour.objects.create(hour=hour.replace(minute=0, second=0, microsecond=0), sums=[100] * width)
    record([call(tenant_id=tenant.id, timestamp=now() - timedelta(hours=hours)) for hours in (4, 5, 8, 20)])

    assert totals() == (401, 24 * 400 + 1)  # of 5 hours ago more was seen already; what is older came too late
    assert totals() == (401, 24 * 400 + 1)
    kept = DeliveryHour.objects.order_by("hour").values_list("hour", flat=True)
    assert [hour for hour in kept if hour < now() - timedelta(hours=72)] == [hours[0]]
    assert DeliveryHour.objects.get(hour=hours[0]).sums == [300] * width


def test_reads_the_hours_of_this_table_by_its_key(tenant: Tenant) -> None:
    """However many years of rollups there are: none but the last hours' rows of each tenant is read."""
    old = [
        HourlyRollup(tenant_id=tenant.id, target_id=target, hour=now() - timedelta(hours=hour), calls=1)
        for hour in range(2_000)
        for target in (uuid7(), uuid7())
    ]
    HourlyRollup.objects.bulk_create(old)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_hourlyrollup")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {_SEE}", {"past": PAST, "all": uuid7()})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on analytics_hourlyrollup" not in plan, plan


def test_requests_are_counted_by_route_and_never_by_path(client: Client, make_tenant: Callable[..., Tenant]) -> None:
    metrics.take()
    for _ in range(3):
        client.get(f"/api/platform/tenants/{uuid7()}")
    client.get(f"/nowhere/{uuid7()}")
    client.generic("BREW", f"/nowhere/{uuid7()}")
    client.get("/healthz")
    flushing.flush("web")
    samples = scrape()
    route = "api/platform/tenants/<str:reference>"
    counted = {labels: count for (name, labels), count in samples.items() if name == "signalbox_http_requests_total"}
    assert sum(counted.values()) == 6
    assert {dict(labels)["route"] for labels in counted} == {
        "(none)", "/healthz", *(dict(labels)["route"] for labels in counted if "tenants" in dict(labels)["route"]),
    }  # fmt: skip
    assert len([labels for labels in counted if "tenants" in dict(labels)["route"]]) == 1, route
    assert value(samples, "signalbox_http_requests_total", method="OTHER", route="(none)", status="404") == 1


def test_unknown_messages_are_counted_of_all_tenants(tenant: Tenant, other_tenant: Tenant) -> None:
    for owner, state in ((tenant, "unknown"), (tenant, "failed"), (other_tenant, "unknown"), (other_tenant, "sent")):
        make_message(owner, state=state)
    assert value(scrape(), "signalbox_unknown_messages") == 2


def test_statements_are_timed_by_kind(db: None) -> None:
    metrics.take()
    with connection.cursor() as cursor:
        cursor.execute("\n  SELECT pg_sleep(0.05)")
        cursor.execute("WITH one AS (SELECT 1) SELECT * FROM one")
        cursor.execute("INSERT INTO config_requestminute VALUES (now(), 0, 0, '{}')")
        cursor.cursor.execute("SAVEPOINT here")
    counted = {key[1]: measured for key, measured in metrics.take().items() if key[0] == STATEMENT}
    assert {kind: measured.count for kind, measured in counted.items()} == {
        "select": 1, "with": 1, "insert": 1, "transaction": 1,
    }  # fmt: skip
    assert 0.05 <= counted["select"].seconds < 1
