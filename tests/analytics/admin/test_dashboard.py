"""The dashboards: figures, filters, who sees what, and that no number of webhooks or calls makes them cost more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from analytics.models import WebhookCall
from integrations.activity.actor import Actor
from integrations.models import Integration, Tenant, User
from integrations.models.integration import Health
from integrations.platform_roles import PlatformRole
from integrations.services.integrations import create_integration
from integrations.services.tenants import create_tenant, delete_tenant
from tests.analytics.calls import call, record
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook

ACTOR = Actor.system("test")
INDEX, INDEX_DATA = reverse("admin:index"), reverse("admin:dashboard_data")


def make_webhook(tenant: Tenant, name: str = "orders", **more: Any) -> Webhook:
    return create_webhook(
        actor=ACTOR, tenant=tenant, workflow_name=name, url=f"https://hooks.example.com/{name}", **more
    )


def make_calls(
    webhook: Webhook, *, succeeded: int = 0, failed: int = 0, ago: timedelta = timedelta(0), **more: Any
) -> None:
    """Record calls of a moment ago, or of earlier: each succeeded in 60 ms or failed with 500 after 200 ms."""
    values: dict[str, Any] = {
        "tenant_id": webhook.tenant_id,
        "target_id": webhook.pk,
        "workflow_name": webhook.workflow_name,
        "timestamp": timezone.now() - ago - timedelta(seconds=1),
    }
    failure = {"success": False, "status_code": 500, "error_kind": "status", "response_time_ms": 200}
    record(
        [call(**values) for _ in range(succeeded)]
        + [call(**values, **{**failure, "error_message": "It answered 500.", **more}) for _ in range(failed)]
    )


def page_of(tenant: Tenant) -> str:
    return reverse("admin:tenant_dashboard", args=[tenant.pk])


def data_of(tenant: Tenant) -> str:
    return reverse("admin:tenant_dashboard_data", args=[tenant.pk])


def cards(page: str) -> dict[str, str]:
    found = re.findall(r'data-card="(\w+)">.*?<dd class="card-value">(.*?)</dd>', page, re.DOTALL)
    return {name: " ".join(strip_tags(value).split()) for name, value in found}


def rows(html: str) -> list[list[str]]:
    """Return the texts of a table's rows, cell by cell."""
    body = html[html.index("<tbody>") : html.index("</tbody>")]
    return [
        [" ".join(strip_tags(cell).split()) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    ]


@pytest.fixture
def client_as(db: None) -> Callable[[PlatformRole], Client]:
    def log_in(role: PlatformRole) -> Client:
        client = Client()
        client.force_login(User.objects.create_user(f"{role}-ada", is_staff=True, platform_role=role))
        return client

    return log_in


@pytest.fixture
def client(client_as: Callable[[PlatformRole], Client]) -> Client:
    return client_as(PlatformRole.OPERATOR)


# --- Figures ------------------------------------------------------------------------------------------------------


def test_tenants_figures_are_those_of_its_calls_alone(client: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    orders, invoices = make_webhook(tenant), make_webhook(tenant, "invoices", is_active=False)
    make_calls(orders, succeeded=18, failed=1)
    make_calls(invoices, succeeded=1)
    make_calls(make_webhook(other_tenant), succeeded=500, failed=500)

    page = client.get(page_of(tenant)).content.decode()

    assert cards(page) == {
        "total": "20",
        "successful": "19 95.0 %",
        "failed": "1",
        "average": "67 ms",
        "p95": "80 ms",
    }
    assert "5.0 % of calls" in page


def test_each_webhook_has_a_row_the_worst_first(client: Client, tenant: Tenant) -> None:
    make_calls(make_webhook(tenant, "fine"), succeeded=20)
    make_calls(make_webhook(tenant, "failing"), succeeded=3, failed=1)
    make_calls(make_webhook(tenant, "shaky", is_active=False), succeeded=8, failed=2)
    make_webhook(tenant, "idle")
    found = client.get(data_of(tenant)).json()["parts"]["webhooks"]["html"]
    assert [row[:5] for row in rows(found)] == [
        ["shaky", "inactive", "10", "2", "80.0 %"],
        ["failing", "active", "4", "1", "75.0 %"],
        ["fine", "active", "20", "0", "100.0 %"],
        ["idle", "active", "0", "0", "–"],
    ]
    tones = re.findall(r'badge-(\w+)">[\d.]+ %', found)
    assert tones == ["warning", "bad", "good"]


def test_deleted_webhook_still_counts(client: Client, tenant: Tenant) -> None:
    webhook = make_webhook(tenant)
    make_calls(webhook, succeeded=2)
    Webhook.objects.filter(pk=webhook.pk).delete()
    answer = client.get(data_of(tenant)).json()["parts"]
    assert cards(answer["cards"]["html"])["total"] == "2"
    assert rows(answer["webhooks"]["html"])[0][:3] == [f"deleted …{str(webhook.pk)[-6:]}", "deleted", "2"]


def test_charts_carry_the_same_numbers(client: Client, tenant: Tenant) -> None:
    orders = make_webhook(tenant)
    make_calls(orders, succeeded=3, failed=2, ago=timedelta(minutes=5))
    answer = client.get(data_of(tenant), {"range": "1h"}).json()
    calls, failed = answer["charts"]["traffic"]["series"]
    assert (sum(calls["values"]), sum(failed["values"])) == (5, 2)
    assert 60 <= len(calls["values"]) <= 62
    outcomes = {each["label"]: each["values"] for each in answer["charts"]["outcomes"]["series"]}
    assert outcomes == {"2xx": [3], "5xx": [2]}
    assert answer["announcement"] == "In the last hour: 5 calls, 2 failed."
    table = rows(answer["parts"]["traffic_table"]["html"])
    assert sum(int(row[1]) for row in table) == 5
    assert rows(answer["parts"]["outcomes_table"]["html"]) == [["orders", "3", "0", "0", "2", "0", "0", "0", "0"]]


def test_page_and_data_show_the_same(client: Client, tenant: Tenant) -> None:
    make_calls(make_webhook(tenant), succeeded=3, failed=2)
    with time_machine.travel(timezone.now(), tick=False):
        page = client.get(page_of(tenant)).content.decode()
        answer = client.get(data_of(tenant)).json()
    for name, part in answer["parts"].items():
        assert f'data-part="{name}" data-version="{part["version"]}"' in page
        assert part["html"] in page
    embedded = re.search(r'<script id="dashboard-charts" type="application/json">(.*?)</script>', page)
    assert embedded is not None
    assert json.loads(embedded[1]) == answer["charts"]


@pytest.mark.parametrize(("name", "total"), [("1h", "1"), ("24h", "3"), ("7d", "7"), ("30d", "15")])
def test_range_decides_what_counts(client: Client, tenant: Tenant, name: str, total: str) -> None:
    webhook = make_webhook(tenant)
    for number, ago in (
        (1, timedelta(minutes=30)),
        (2, timedelta(hours=20)),
        (4, timedelta(days=6)),
        (8, timedelta(days=29)),
    ):
        make_calls(webhook, succeeded=number, ago=ago)
    assert cards(client.get(page_of(tenant), {"range": name}).content.decode())["total"] == total


def test_heat_map_counts_by_weekday_and_hour(client: Client, tenant: Tenant) -> None:
    webhook = make_webhook(tenant)
    monday = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    for moment, number in ((monday, 4), (monday + timedelta(days=3, hours=5), 1)):
        record([call(tenant_id=tenant.pk, target_id=webhook.pk, timestamp=moment) for _ in range(number)])
    with time_machine.travel(datetime(2026, 11, 27, 12, tzinfo=UTC)):
        client.force_login(User.objects.get(username="operator-ada"))
        found = client.get(data_of(tenant)).json()["parts"]["heat_map"]["html"]
    assert 'class="heat-5" title="Mon 09:00 to 09:59: 4 calls, 0 failed"' in found
    assert 'class="heat-2" title="Thu 14:00 to 14:59: 1 calls, 0 failed"' in found
    assert found.count('class="heat-0" title=') == 7 * 24 - 2
    assert "busiest: Mon 09:00" in found


# --- Filters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["tenant", "index"])
def test_narrows_to_a_webhook(client: Client, tenant: Tenant, where: str) -> None:
    orders, invoices = make_webhook(tenant), make_webhook(tenant, "invoices")
    make_calls(orders, succeeded=5)
    make_calls(invoices, failed=2)
    address = data_of(tenant) if where == "tenant" else INDEX_DATA
    answer = client.get(address, {"range": "7d", "webhook": str(invoices.pk)}).json()["parts"]
    assert cards(answer["cards"]["html"])["total"] == "2"
    assert [row[1 if where == "tenant" else 2] for row in rows(answer["calls"]["html"])] == ["invoices"] * 2
    assert f'<option value="{invoices.pk}" selected>' in answer["filters"]["html"]
    assert f"?range=1h&amp;webhook={invoices.pk}" in answer["filters"]["html"]
    assert len(rows(answer["webhooks"]["html"])) == 2


def test_webhook_of_another_tenant_is_none_of_its(client: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    foreign = make_webhook(other_tenant)
    make_calls(foreign, succeeded=3)
    make_calls(make_webhook(tenant), succeeded=1)
    answer = client.get(data_of(tenant), {"webhook": str(foreign.pk)})
    assert answer.status_code == 200
    assert "There is no such webhook here." in answer.json()["parts"]["filters"]["html"]
    assert cards(answer.json()["parts"]["cards"]["html"])["total"] == "1"


@pytest.mark.parametrize("query", ["range=2y", "range=%00", "webhook=nonsense", "webhook=%00", "range=&webhook="])
def test_nonsense_in_the_address_is_said_and_answered(client: Client, tenant: Tenant, query: str) -> None:
    for address in (page_of(tenant), data_of(tenant), INDEX, INDEX_DATA):
        answer = client.get(f"{address}?{query}")
        assert answer.status_code == 200
        assert ("dashboard-note" in answer.content.decode()) is not query.endswith("=")


# --- The last calls -----------------------------------------------------------------------------------------------


def test_last_calls_lead_to_their_delivery_and_failed_ones_are_sent_again(client: Client, tenant: Tenant) -> None:
    webhook = make_webhook(tenant)
    make_calls(webhook, succeeded=1, ago=timedelta(minutes=2))
    make_calls(webhook, failed=1, ago=timedelta(minutes=1), error_message="<script>alert(1)</script>")
    make_calls(webhook, failed=1, status_code=None, error_kind="timeout", error_message="")
    found = client.get(data_of(tenant)).json()["parts"]["calls"]["html"]
    assert [row[2:6] for row in rows(found)] == [
        ["timeout", "1", "200 ms", "No complete answer in time"],
        ["500", "1", "200 ms", "&lt;script&gt;alert(1)&lt;/script&gt;"],
        ["200", "1", "60 ms", "–"],
    ]
    deliveries = list(WebhookCall.objects.order_by("-id").values_list("delivery_id", flat=True))
    timelines = [reverse("admin:webhooks_delivery_change", args=[each]) for each in deliveries]
    assert re.findall(r'href="([^"]+)" id="timeline-', found) == timelines
    retries = [reverse("admin:webhooks_delivery_retry", args=[each]) for each in deliveries[:2]]
    assert re.findall(r'form="resend" formaction="([^"]+)"', found) == retries


def test_shows_one_row_for_each_finished_delivery_and_fifty_at_most(client: Client, tenant: Tenant) -> None:
    webhook = make_webhook(tenant)
    make_calls(webhook, succeeded=60)
    record([call(tenant_id=tenant.pk, target_id=webhook.pk, timestamp=timezone.now(), is_final=False, success=False)])
    assert len(rows(client.get(data_of(tenant)).json()["parts"]["calls"]["html"])) == 50


# --- The platform's -----------------------------------------------------------------------------------------------


def test_index_sums_up_all_tenants_but_deleted_ones(client: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    make_calls(make_webhook(tenant), succeeded=6, failed=2)
    make_calls(make_webhook(other_tenant, "tickets"), succeeded=2)
    gone = create_tenant(actor=ACTOR, name="Gone", slug="gone")
    make_calls(make_webhook(gone), succeeded=100)
    delete_tenant(actor=ACTOR, tenant=gone)
    parts = client.get(INDEX_DATA).json()["parts"]
    assert cards(parts["cards"]["html"])["total"] == "10"
    assert [row[:5] for row in rows(parts["tenants"]["html"])] == [
        ["Acme", "active", "8", "2", "75.0 %"],
        ["Other", "active", "2", "0", "100.0 %"],
    ]
    assert f'href="{page_of(tenant)}?range=24h"' in parts["tenants"]["html"]
    assert [row[:4] for row in rows(parts["webhooks"]["html"])] == [
        ["orders", "Acme", "active", "8"],
        ["tickets", "Other", "active", "2"],
    ]


def test_index_counts_integrations_by_provider(client: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    values = {"base_url": "http://127.0.0.1:9/webhook", "api_key": "n8n_api_key_that_opens_nothing"}
    first = create_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=values)
    create_integration(actor=ACTOR, tenant=other_tenant, provider="n8n", values=values)
    Integration.objects.filter(pk=first.pk).update(health=Health.FAILING)
    found = client.get(INDEX_DATA).json()["parts"]["integrations"]["html"]
    assert rows(found) == [["n8n", "2", "1", "0", "1"]]
    assert re.findall(r'card-value">(?:<a [^>]*>)?(\d+)', found) == ["2", "1", "1"]


def test_index_keeps_the_list_of_all_pages(client: Client) -> None:
    page = client.get(INDEX).content.decode()
    assert f'href="{reverse("admin:integrations_tenant_changelist")}"' in page
    assert 'id="nav-sidebar"' in page


def test_empty_dashboards_say_what_to_do(client: Client, tenant: Tenant) -> None:
    page = client.get(page_of(tenant)).content.decode()
    assert "This tenant has no webhooks yet." in page
    assert f'href="{reverse("admin:webhooks_webhook_add")}?tenant={tenant.pk}"' in page
    assert "No tenant has an integration yet." in client.get(INDEX).content.decode()


# --- Who, and at what cost ----------------------------------------------------------------------------------------


def test_auditors_read_and_find_nothing_to_press(client_as: Callable[[PlatformRole], Client], tenant: Tenant) -> None:
    make_calls(make_webhook(tenant), failed=1)
    client = client_as(PlatformRole.AUDITOR)
    for address in (INDEX, page_of(tenant), INDEX_DATA, data_of(tenant)):
        answer = client.get(address)
        assert answer.status_code == 200
        page = answer.content.decode()
        assert "It answered 500." in page
        assert "formaction" not in page
        assert "Add the first one" not in page
        assert set(re.findall(r'<form method="post"[^>]* id="([^"]+)"', page)) <= {"logout-form"}


@pytest.mark.parametrize("what", ["tenant_dashboard", "tenant_dashboard_data"])
def test_tenants_that_are_not_there_have_none(client: Client, tenant: Tenant, what: str) -> None:
    delete_tenant(actor=ACTOR, tenant=tenant)
    assert client.get(reverse(f"admin:{what}", args=[tenant.pk])).status_code == 404


def test_nothing_is_sent_to_a_dashboard(client: Client, tenant: Tenant) -> None:
    for address in (page_of(tenant), data_of(tenant), INDEX_DATA):
        assert client.post(address).status_code == 405


def test_data_is_not_stored_anywhere(client: Client, tenant: Tenant) -> None:
    for address in (data_of(tenant), INDEX_DATA):
        assert "no-store" in client.get(address).headers["Cache-Control"]
    assert "no-store" in client.get(page_of(tenant)).headers["Cache-Control"]


@pytest.mark.parametrize("where", ["tenant", "index"])
@pytest.mark.parametrize("is_narrowed", [False, True], ids=["all", "one webhook"])
def test_three_and_thirty_webhooks_cost_the_same_queries(
    client: Client, tenant: Tenant, where: str, is_narrowed: bool
) -> None:
    address = data_of(tenant) if where == "tenant" else INDEX_DATA
    made = [make_webhook(tenant, f"hook_{number}") for number in range(3)]
    for webhook in made:
        make_calls(webhook, succeeded=1, failed=1)
    query = {"webhook": str(made[0].pk)} if is_narrowed else {}
    client.get(address, query)
    with CaptureQueriesContext(connection) as few:
        client.get(address, query)
    for number in range(3, 30):
        make_calls(make_webhook(tenant, f"hook_{number}"), succeeded=3, failed=1)
    for number in range(10):
        other = create_tenant(actor=ACTOR, name=f"T{number}", slug=f"t{number}")
        make_calls(make_webhook(other), succeeded=1, failed=1)
    with CaptureQueriesContext(connection) as many:
        client.get(address, query)
    assert len(many) == len(few)


@pytest.mark.parametrize("where", ["tenant", "index"])
def test_reads_call_rows_for_the_last_fifty_alone(client: Client, tenant: Tenant, where: str) -> None:
    make_calls(make_webhook(tenant), succeeded=1)
    with CaptureQueriesContext(connection) as queries:
        client.get(data_of(tenant) if where == "tenant" else INDEX_DATA)
    read = [each["sql"] for each in queries if f'"{WebhookCall._meta.db_table}"' in each["sql"]]
    assert len(read) == 1
    assert read[0].endswith("LIMIT 50")
    assert "response_body" not in read[0]
