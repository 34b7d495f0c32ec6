"""The queries by which the product reads calls, on filled partitions: none may read one from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.db.models import Model
from django.db.models.query import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics import archive, rebuilding
from analytics.call_filter import CallFilter
from analytics.error_groups import error_groups
from analytics.models import TenantRetention, WebhookCall
from analytics.peaks import peaks
from analytics.period import Period
from analytics.queries import calls_of_delivery, calls_of_tenant, calls_of_webhook
from analytics.retention import purge_expired
from analytics.summaries import summary
from analytics.timeseries import timeseries
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant, User
from integrations.partitioning.days import partition_name
from integrations.partitioning.partitions import make_partitions
from tests.analytics.calls import NOW, call, record

DAYS = 4
ROWS_A_DAY = 20_000
WEBHOOKS = 20
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Calls of many webhooks and two tenants, spread over a day: one in twenty failed.
_FILL = """
    INSERT INTO {table}
        (id, tenant_id, target_kind, target_id, workflow_name, delivery_id, event_id, event_type, run, attempt, is_final,
         triggered_by, request_headers, status_code, response_body, response_time_ms, success, error_kind, error_message,
         metadata, timestamp)
    SELECT id, (%(tenants)s::uuid[])[1 + i %% 2], 'webhook', (%(webhooks)s::uuid[])[1 + i %% {webhooks}], 'hook', id, id, '',
        1, 1, true, '', '{{}}', 200, '', 20, i %% 20 > 0, '', '', '{{}}', moment
    FROM generate_series(0, {rows} - 1) AS i,
        LATERAL (SELECT %(start)s::timestamptz + i * interval '1 day' / {rows} AS moment) AS at,
        LATERAL (SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid AS id) AS made
"""


class Filled:
    """Partitions with calls, and the plans of what reads them."""

    def __init__(self, tenant: Tenant, other: Tenant) -> None:
        self.tenant = tenant
        self.webhook = uuid7()
        self.names = []
        webhooks = [self.webhook, *(uuid7() for _ in range(WEBHOOKS - 1))]
        with connection.cursor() as cursor:
            for ago in range(1, DAYS + 1):
                start = (NOW - ago * DAY).replace(hour=0, minute=0)
                name = partition_name(WebhookCall._meta.db_table, start.date())
                self.names.append(name)
                cursor.execute(
                    _FILL.format(table=name, rows=ROWS_A_DAY, webhooks=WEBHOOKS),
                    {"tenants": [tenant.id, other.id], "webhooks": webhooks, "start": start},
                )
            cursor.execute("ANALYZE analytics_webhookcall")
        self.call = WebhookCall.objects.filter(tenant_id=tenant.id)[50]

    def scans(self, work: Callable[[], Any]) -> list[tuple[str, str]]:
        """Do the work, and return how each of its queries reads the filled partitions: kind of scan, and partition."""
        with CaptureQueriesContext(connection) as captured:
            work()
        read = [query["sql"] for query in captured if "analytics_webhookcall" in query["sql"]]
        found: list[tuple[str, str]] = []
        for sql in read:
            if sql.lstrip().startswith(("SELECT", "WITH", "DELETE", "INSERT")):
                found += self.scans_of(sql)
        return found

    def scans_of(self, sql: str) -> Iterator[tuple[str, str]]:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
            (plan,) = cursor.fetchone()
        nodes = [(json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]]
        while nodes:
            node = nodes.pop()
            nodes += node.get("Plans", [])
            if node.get("Relation Name") in self.names and node["Node Type"] != "ModifyTable":
                yield node["Node Type"], node["Relation Name"]


@pytest.fixture
def filled(tenant: Tenant, other_tenant: Tenant) -> Filled:
    with time_machine.travel(NOW - DAYS * DAY):
        make_partitions()
    return Filled(tenant, other_tenant)


def page(calls: QuerySet[Any, Any]) -> list[Model]:
    return list(calls[:51])


def in_scope(read: Callable[[Filled], Any]) -> Callable[[Filled, Client], Any]:
    def work(filled: Filled, _client: Client) -> Any:
        with tenant_scope(filled.tenant):
            return read(filled)

    return work


def _calls(filled: Filled, **period: Any) -> QuerySet[WebhookCall]:
    return calls_of_webhook(tenant_id=filled.tenant.id, webhook_id=filled.webhook, **period)


def _month() -> Period:
    return Period.requested(start=None, end=None)


def _rebuild(filled: Filled, _client: Client) -> None:
    start = (NOW - DAY).replace(minute=0)
    rebuilding.rebuild_rollups(start=start, end=start + HOUR)


def _retain(filled: Filled, _client: Client) -> None:
    TenantRetention.objects.create(tenant_id=filled.tenant.id, days=8)
    with time_machine.travel(NOW + 6 * DAY):
        purge_expired()


def _admin(query: str) -> Callable[[Filled, Client], Any]:
    def work(filled: Filled, client: Client) -> None:
        with time_machine.travel((NOW - DAY).replace(hour=23)):
            address = f"/admin/analytics/webhookcall/?{query.format(webhook=filled.webhook)}"
            assert client.get(address).status_code == 200

    return work


# What is read, and whether the filled partitions are opened at all.
QUERIES: dict[str, tuple[Callable[[Filled, Client], Any], bool]] = {
    "calls of a webhook": (in_scope(lambda filled: page(_calls(filled))), True),
    "failed calls of a webhook": (in_scope(lambda filled: page(_calls(filled).filter(success=False))), True),
    "failed calls of a tenant": (
        in_scope(
            lambda filled: page(WebhookCall.objects.filter(tenant_id=filled.tenant.id, success=False).order_by("-id"))
        ),
        True,
    ),
    "calls of a webhook in an hour": (
        in_scope(lambda filled: page(_calls(filled, start=NOW - DAY, end=NOW - DAY + HOUR))),
        True,
    ),
    "calls of a tenant": (
        in_scope(lambda filled: page(calls_of_tenant(tenant_id=filled.tenant.id))),
        True,
    ),
    "the next page of a tenant's calls": (
        in_scope(lambda filled: page(WebhookCall.objects.filter(tenant_id=filled.tenant.id, id__lt=filled.call.id))),
        True,
    ),
    "the story of a delivery": (
        in_scope(
            lambda filled: page(calls_of_delivery(tenant_id=filled.tenant.id, delivery_id=filled.call.delivery_id))
        ),
        True,
    ),
    "a single call": (in_scope(lambda filled: WebhookCall.objects.get(id=filled.call.id)), True),
    "sums of a tenant": (lambda filled, _client: summary(tenant_id=filled.tenant.id), False),
    "sums of a webhook": (
        lambda filled, _client: summary(tenant_id=filled.tenant.id, webhook_id=filled.webhook),
        False,
    ),
    "a tenant's series": (lambda filled, _client: timeseries(tenant_id=filled.tenant.id, period=_month()), False),
    "a tenant's peaks": (lambda filled, _client: peaks(tenant_id=filled.tenant.id, period=_month()), False),
    "a tenant's errors": (lambda filled, _client: error_groups(tenant_id=filled.tenant.id, period=_month()), True),
    "a tenant's calls that were answered 503": (
        in_scope(lambda filled: page(calls_of_tenant(tenant_id=filled.tenant.id, wanted=CallFilter(status_code=503)))),
        True,
    ),
    "an hour's sums anew": (_rebuild, True),
    "a tenant's shorter retention": (_retain, True),
    "a page of the archive": (lambda filled, _client: next(archive._lines(filled.names[0])), True),
    "the admin's list": (_admin(""), True),
    "the admin's list of failed calls": (_admin("success__exact=0"), True),
    "the admin's list of one webhook": (_admin("target_id={webhook}"), True),
}


def test_no_partition_is_read_from_end_to_end(filled: Filled, platform_admin: User) -> None:
    client = Client()
    client.force_login(platform_admin)
    record([call(tenant_id=filled.tenant.id, target_id=filled.webhook)])
    scans = {what: filled.scans(lambda work=work: work(filled, client)) for what, (work, _) in QUERIES.items()}
    assert {what: found for what, found in scans.items() if "Seq Scan" in {kind for kind, _ in found}} == {}
    assert {what for what, found in scans.items() if found} == {what for what, (_, opens) in QUERIES.items() if opens}
    # The test would see one.
    scans_of_all = filled.scans(lambda: page(WebhookCall.objects.filter(response_body="x").order_by("attempt")))
    assert {kind for kind, _ in scans_of_all} == {"Seq Scan"}


def test_an_hours_calls_open_one_partition(filled: Filled) -> None:
    noon = (NOW - 2 * DAY).replace(hour=12)
    work = in_scope(lambda filled: page(_calls(filled, start=noon, end=noon + HOUR)))
    assert {name for _, name in filled.scans(lambda: work(filled, Client()))} == {filled.names[1]}
