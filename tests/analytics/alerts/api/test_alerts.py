from __future__ import annotations

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.alerts.models import AlertMute
from integrations.models import Tenant
from tests.analytics.alerts.alert_steps import make_alert

PLATFORM = "/api/platform/alerts"


@pytest.fixture
def own(tenant: Tenant) -> str:
    return f"/api/platform/tenants/{tenant.slug}/alerts"


def ids(answer: object) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def test_tenant_sees_what_is_wrong_with_it_whoevers_the_rule(
    api: APIClient, own: str, tenant: Tenant, other_tenant: Tenant
) -> None:
    of_platform, of_its_own = make_alert(tenant), make_alert(tenant, of_platform=False)
    others, nobodys = make_alert(other_tenant), make_alert(None)
    assert ids(api.get(own)) == [str(of_its_own.id), str(of_platform.id)]
    assert ids(api.get(PLATFORM)) == [str(nobodys.id), str(others.id), str(of_platform.id)]
    assert [row["tenant"] for row in api.get(PLATFORM).json()["results"]] == [
        None,
        str(other_tenant.id),
        str(tenant.id),
    ]
    assert "tenant" not in api.get(own).json()["results"][0]


def test_alert_tells_its_rule_and_object(api: APIClient, own: str, tenant: Tenant) -> None:
    alert = make_alert(tenant, value=33.3)
    [shown] = api.get(own).json()["results"]
    assert shown == {
        "id": str(alert.id),
        "state": "open",
        "rule": {
            "id": str(alert.rule_id),
            "kind": "webhook_disabled",
            "name": "Webhook disabled by Signalbox",
            "scope": "platform",
        },
        "object": {"key": alert.object_key, "label": "orders"},
        "value": 33.3,
        "sentence": "The webhook was disabled: the endpoint answered 410 Gone.",
        "opened_at": alert.opened_at.isoformat().replace("+00:00", "Z"),
        "last_seen_at": alert.last_seen_at.isoformat().replace("+00:00", "Z"),
        "recovered_at": None,
        "times_opened": 1,
    }


def test_what_a_tenant_muted_is_not_shown_to_it(api: APIClient, own: str, tenant: Tenant) -> None:
    muted, other = make_alert(tenant), make_alert(tenant)
    AlertMute.objects.create(tenant=tenant, rule_id=muted.rule_id)
    assert ids(api.get(own)) == [str(other.id)]
    assert ids(api.get(PLATFORM)) == [str(other.id), str(muted.id)]


@pytest.mark.parametrize("place", ["platform", "tenant"])
def test_filters_and_pages(place: str, api: APIClient, own: str, tenant: Tenant) -> None:
    address = PLATFORM if place == "platform" else own
    past = make_alert(tenant, recovered_at=timezone.now())
    now = make_alert(tenant, rule_kind="delivery_lag")
    assert ids(api.get(f"{address}?state=open")) == [str(now.id)]
    assert ids(api.get(f"{address}?state=recovered")) == [str(past.id)]
    assert ids(api.get(f"{address}?kind=delivery_lag")) == [str(now.id)]
    first = api.get(f"{address}?page_size=1")
    assert ids(first) == [str(now.id)]
    assert ids(api.get(first.json()["next"])) == [str(past.id)]


@pytest.mark.parametrize(
    "query", ["state=half", "kind=weather", "colour=red", "page_size=0", "cursor=x", "state=open&state=open"]
)
@pytest.mark.parametrize("place", ["platform", "tenant"])
def test_wrong_parameters_are_named(place: str, query: str, api: APIClient, own: str) -> None:
    answer = api.get(f"{PLATFORM if place == 'platform' else own}?{query}")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [query.partition("=")[0]])
