from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from analytics.models import TenantRetention
from integrations.models import ActivityLog, Tenant


@pytest.fixture(autouse=True)
def site(settings: Settings) -> None:
    settings.ANALYTICS_RETENTION_DAYS, settings.ANALYTICS_PAYLOAD_RETENTION_DAYS = 90, 60


def address(tenant: Tenant) -> str:
    return f"/api/platform/tenants/{tenant.slug}/retention"


def test_shows_the_sites_when_the_tenant_has_none_of_its_own(api: APIClient, tenant: Tenant) -> None:
    assert api.get(address(tenant)).json() == {
        "days": None,
        "payload_days": None,
        "effective_days": 90,
        "effective_payload_days": 60,
    }


@pytest.mark.parametrize(
    ("given", "effective"),
    [((30, 7), (30, 7)), ((30, None), (30, 30)), ((None, 7), (90, 7)), ((None, None), (90, 60)), ((8, 3), (8, 3))],
)
def test_stores_what_is_given_and_says_what_comes_of_it(
    api: APIClient, tenant: Tenant, given: tuple[int | None, int | None], effective: tuple[int, int]
) -> None:
    answer = api.put(address(tenant), {"days": given[0], "payload_days": given[1]})
    wanted = {
        **{"days": given[0], "payload_days": given[1]},
        **{"effective_days": effective[0], "effective_payload_days": effective[1]},
    }
    assert (answer.status_code, answer.json()) == (200, wanted)
    assert api.get(address(tenant)).json() == wanted
    logged = ActivityLog.objects.filter(verb="tenant.retention_updated", tenant_id=tenant.id)
    changed = sorted(name for name, days in zip(("days", "payload_days"), given, strict=True) if days is not None)
    assert list(logged.values_list("changed_fields", flat=True)) == ([changed] if changed else [])


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"days": 7, "payload_days": None}, "days", "Give 8 to 90 days"),
        ({"days": 91, "payload_days": None}, "days", "Give 8 to 90 days"),
        ({"days": 30, "payload_days": 31}, "payload_days", "Give 3 to 30 days"),
        ({"days": None, "payload_days": 61}, "payload_days", "Give 3 to 60 days"),
        ({"days": None, "payload_days": 2}, "payload_days", "Give 3 to 60 days"),
        ({"days": "soon", "payload_days": None}, "days", "integer"),
        ({"days": 10**20, "payload_days": None}, "days", "3650"),
        ({"payload_days": 7}, "days", "required"),
        ({"days": 30, "payload_days": 7, "weeks": 1}, "weeks", "no such field"),
    ],
)
def test_refuses_what_makes_no_sense_and_names_the_field(
    api: APIClient, tenant: Tenant, body: dict[str, Any], field: str, reason: str
) -> None:
    answer = api.put(address(tenant), body)
    assert answer.status_code == 422
    assert reason in str(answer.json()["errors"][field])
    assert not TenantRetention.objects.exists()


def test_unknown_tenant_has_none(api: APIClient, db: None) -> None:
    assert api.get("/api/platform/tenants/nobody/retention").status_code == 404
