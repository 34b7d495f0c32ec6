"""The sweep: which integrations it tests, in which order, beside itself, and what it leaves for later."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Integration, Tenant
from integrations.services.connection_sweep import sweep_connections
from integrations.services.integrations import change_integration, create_integration

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "EAATestAccessTokenForDocumentationOnly123456789"


@pytest.fixture(autouse=True)
def _every_hour(settings: Any) -> None:
    settings.CONNECTION_TEST_MINUTES = 60


@pytest.fixture
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def add(tenant: Tenant, number: str, mock: responses.RequestsMock, minutes_ago: float = 1, **how: Any) -> Integration:
    """Make an integration that is due since then, whose number the provider knows."""
    made = create_integration(
        actor=Actor.system("test"),
        tenant=tenant,
        provider="whatsapp",
        values={"phone_number_id": number, "access_token": TOKEN},
        is_default=False,
    )
    due = timezone.now() - timedelta(minutes=minutes_ago)
    Integration.objects.filter(id=made.id).update(test_due_at=due)
    known = {"id": number, "display_phone_number": f"+1 {number}"}
    mock.get(f"https://graph.facebook.com/v23.0/{number}", **(how or {"json": known}))
    return made


def asked(mock: responses.RequestsMock) -> list[str]:
    return [call.request.url.partition("?")[0].rpartition("/")[2] for call in mock.calls]


def test_due_ones_are_tested_oldest_first_and_come_again_after_about_an_hour(
    tenant: Tenant, other_tenant: Tenant, graph: responses.RequestsMock
) -> None:
    for number, minutes in (("1", 5), ("2", 20), ("3", -10)):
        add(tenant, number, graph, minutes)
    add(other_tenant, "4", graph, 10)

    assert sweep_connections(at_once=1) == 3

    assert asked(graph) == ["2", "4", "1"]
    tested = list(Integration.objects.exclude(tested_at=None))
    assert {row.health for row in tested} == {"ok"}
    for row in tested:
        assert row.tested_at is not None
        pause = (row.test_due_at - row.tested_at).total_seconds() / 60
        assert 54 <= pause <= 66
    assert sweep_connections() == 0
    assert {row.actor_name for row in ActivityLog.objects.filter(verb="integration.health_changed")} == {
        "connection sweep"
    }


def test_disabled_ones_and_those_of_inactive_tenants_are_left_alone(
    tenant: Tenant, other_tenant: Tenant, graph: responses.RequestsMock, admin_actor: Actor
) -> None:
    off = add(tenant, "1", graph)
    change_integration(actor=admin_actor, integration=off, values={}, enabled=False)
    add(other_tenant, "2", graph)
    Tenant.objects.filter(id=other_tenant.id).update(is_active=False)
    assert sweep_connections() == 0
    assert asked(graph) == []


def test_zero_minutes_switch_it_off(tenant: Tenant, graph: responses.RequestsMock, settings: Any) -> None:
    add(tenant, "1", graph)
    settings.CONNECTION_TEST_MINUTES = 0
    assert sweep_connections() == 0
    assert asked(graph) == []


def test_runs_beside_one_another_share_the_work(tenant: Tenant, graph: responses.RequestsMock) -> None:
    for number in range(1, 21):
        add(tenant, str(number), graph)

    def sweep(_: int) -> int:
        try:
            return sweep_connections(at_once=2)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(sweep, range(3))) == 20
    assert sorted(asked(graph), key=int) == [str(number) for number in range(1, 21)]


def test_one_that_cannot_be_tested_holds_up_no_other(tenant: Tenant, graph: responses.RequestsMock) -> None:
    broken = add(tenant, "1", graph, 10, body=ZeroDivisionError("a mistake in an adapter"))
    add(tenant, "2", graph, 5)

    assert sweep_connections(at_once=1) == 1

    row = Integration.objects.get(id=broken.id)
    assert (row.health, row.tested_at, row.enabled) == ("unknown", None, True)
    assert row.test_due_at > timezone.now() + timedelta(minutes=50)


def test_provider_that_asks_for_patience_gets_it(tenant: Tenant, graph: responses.RequestsMock) -> None:
    error = {"error": {"code": 4, "message": "Application request limit reached"}}
    row = add(tenant, "1", graph, status=429, json=error, headers={"Retry-After": "36000"})
    assert sweep_connections() == 1
    row.refresh_from_db()
    assert (row.health, row.test_result) == ("unknown", "rate_limited")
    assert row.test_due_at > timezone.now() + timedelta(hours=9)


def test_outage_disables_nothing_and_recovery_is_noticed(tenant: Tenant, graph: responses.RequestsMock) -> None:
    row = add(tenant, "1", graph)
    for how, health in (
        ({"json": {"id": "1", "display_phone_number": "+1 1"}}, "ok"),
        ({"status": 500, "body": "<html>"}, "degraded"),
        ({"status": 500, "body": "<html>"}, "degraded"),
        ({"json": {"id": "1", "display_phone_number": "+1 1"}}, "ok"),
    ):
        graph.replace("GET", "https://graph.facebook.com/v23.0/1", **how)
        Integration.objects.filter(id=row.id).update(test_due_at=timezone.now())
        assert sweep_connections() == 1
        row.refresh_from_db()
        assert (row.health, row.enabled, row.status) == (health, True, "active")
