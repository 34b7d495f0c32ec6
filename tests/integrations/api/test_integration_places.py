"""Switching on and off, sharing, statistics and which credentials are used, over the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Integration, Membership, Role, Tenant
from integrations.services.integration_items import add_integration
from tests.integrations.people import client_of, join

pytestmark = pytest.mark.django_db
V1 = "/api/v1/integrations"
TenantAPI = Callable[..., APIClient]


@pytest.fixture
def mia(tenant: Tenant) -> Membership:
    return join(tenant, "mia", Role.MEMBER)


def add(tenant: Tenant, owner: Membership | None = None, provider: str = "n8n") -> Integration:
    values = {
        "n8n": {"base_url": "https://n8n.example.com/webhook"},
        "whatsapp": {"phone_number_id": "42", "access_token": "EAATestAccessTokenForDocumentationOnly123456789"},
    }[provider]
    return add_integration(actor=Actor.system("test"), tenant=tenant, provider=provider, values=values, owner=owner)


def test_switches_off_and_on_and_says_which_is_used(tenant: Tenant, tenant_api: TenantAPI) -> None:
    client = tenant_api("integrations:read", "integrations:write")
    row = add(tenant)
    assert client.get(f"{V1}/resolved/n8n").json() == {
        "source": "tenant",
        "provider": "n8n",
        "integration": str(row.id),
        "name": "n8n",
        "health": "unknown",
    }
    off = client.post(f"{V1}/{row.id}/deactivate")
    assert (off.status_code, off.json()["status"], off.json()["version"]) == (200, "inactive", 2)
    assert client.post(f"{V1}/{row.id}/deactivate").json()["version"] == 2
    answer = client.get(f"{V1}/resolved/n8n")
    assert (answer.status_code, answer.json()["detail"]) == (404, "n8n is switched off: activate the integration.")
    assert client.post(f"{V1}/{row.id}/activate").json()["status"] == "active"


def test_switching_needs_the_scope(tenant: Tenant, tenant_api: TenantAPI) -> None:
    row = add(tenant)
    assert tenant_api("integrations:read").post(f"{V1}/{row.id}/deactivate").status_code == 403
    row.refresh_from_db()
    assert (row.enabled, row.version) == (True, 1)


def test_a_member_shares_their_own_and_takes_it_back(tenant: Tenant, mia: Membership, tenant_api: TenantAPI) -> None:
    own, client = add(tenant, mia), client_of(mia.user)
    backend = tenant_api("integrations:read", "integrations:write")
    assert backend.post(f"{V1}/{own.id}/share").status_code == 404
    shared = client.post(f"{V1}/{own.id}/share").json()
    assert (shared["owner"], shared["is_default"]) == (None, False)
    assert backend.get(f"{V1}/{own.id}").status_code == 200
    back = client.post(f"{V1}/{own.id}/unshare").json()
    assert (back["owner"], back["is_default"]) == (str(mia.id), True)
    assert client.post(f"{V1}/{own.id}/unshare").status_code == 409


def test_another_member_takes_nothing_back(tenant: Tenant, mia: Membership) -> None:
    own = add(tenant, mia)
    client_of(mia.user).post(f"{V1}/{own.id}/share")
    assert client_of(join(tenant, "max", Role.MEMBER).user).post(f"{V1}/{own.id}/unshare").status_code == 403
    own.refresh_from_db()
    assert own.owner_id is None


def test_statistics_count_what_one_may_see(tenant: Tenant, mia: Membership, api: APIClient) -> None:
    add(tenant)
    Integration.objects.filter(id=add(tenant, provider="whatsapp").id).update(health="failing")
    Integration.objects.filter(id=add(tenant, mia).id).update(enabled=False)
    theirs = client_of(join(tenant, "max", Role.MEMBER).user).get(f"{V1}/statistics").json()
    assert (theirs["total"], theirs["active"], theirs["inactive"], theirs["error"]) == (2, 1, 0, 1)
    everything = api.get("/api/platform/tenants/acme/integrations/statistics").json()
    assert everything == {
        "total": 3,
        "active": 1,
        "inactive": 1,
        "error": 1,
        "by_provider": {"n8n": 2, "whatsapp": 1},
        "by_health": {
            "unknown": 2,
            "ok": 0,
            "degraded": 0,
            "failing": 1,
            "reauth_required": 0,
            "unreadable": 0,
        },
    }
    platform_map = api.get("/api/platform/tenants/acme/integrations").json()
    assert platform_map["statistics"] == everything
    assert [(item["provider"], item["owner"]) for item in platform_map["items"]] == [
        ("n8n", None),
        ("n8n", str(mia.id)),
        ("whatsapp", None),
    ]


def test_replaces_credentials_and_puts_them_back(tenant: Tenant, tenant_api: TenantAPI) -> None:
    client, row = tenant_api("integrations:read", "integrations:write"), add(tenant, provider="whatsapp")
    path = f"{V1}/{row.id}"
    assert client.get(f"{path}/versions").json() == []
    token = "EAATestAccessTokenOfAnotherDayForDocumentation987654321"
    rotated = client.post(f"{path}/rotate", {"access_token": token, "untested": True}).json()
    assert (rotated["access_token"], rotated["version"]) == ("EAATestAcc***654321", 2)
    (version,) = client.get(f"{path}/versions").json()
    assert (version["number"], version["provider"]) == (1, "whatsapp")
    assert version["values"] == {"phone_number_id": "42", "access_token": "EAATestAcc***456789"}
    restored = client.post(f"{path}/versions/{version['id']}/restore").json()
    assert (restored["access_token"], restored["version"]) == ("EAATestAcc***456789", 3)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"untested": "yes"}, "untested"),
        ({"provider": "n8n"}, "provider"),
        ({"untested": True, "access_token": "two words"}, "access_token"),
        ({"untested": True, "nonsense": "x"}, "nonsense"),
    ],
)
def test_a_wrong_rotation_changes_nothing(
    tenant: Tenant, tenant_api: TenantAPI, body: dict[str, object], field: str
) -> None:
    row = add(tenant, provider="whatsapp")
    answer = tenant_api("integrations:write", "integrations:read").post(f"{V1}/{row.id}/rotate", body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    row.refresh_from_db()
    assert row.version == 1
