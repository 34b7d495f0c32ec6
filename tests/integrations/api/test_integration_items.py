"""Integrations by id: `/api/v1/integrations` and the platform's `…/integrations/items`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Health, Integration, Membership, Role, Tenant
from integrations.services.integration_items import add_integration
from tests.integrations.people import client_of, join, person

V1 = "/api/v1/integrations"
N8N = {"provider": "n8n", "base_url": "https://n8n.example.com/webhook"}
TOKEN = "EAATestAccessTokenForDocumentationOnly123456789"
WHATSAPP = {"provider": "whatsapp", "phone_number_id": "106540352242922", "access_token": TOKEN}
TenantAPI = Callable[..., APIClient]


@pytest.fixture
def mia(tenant: Tenant) -> Membership:
    return join(tenant, "mia", Role.MEMBER)


@pytest.fixture
def owner(tenant: Tenant) -> APIClient:
    return client_of(join(tenant, "olga", Role.OWNER).user)


def add(tenant: Tenant, name: str, owner: Membership | None = None) -> Integration:
    return add_integration(
        actor=Actor.system("test"),
        tenant=tenant,
        provider="n8n",
        values={"base_url": N8N["base_url"]},
        owner=owner,
        name=name,
    )


def names(answer: Any) -> list[str]:
    return [row["name"] for row in answer.json()["results"]]


def test_tenant_adds_shows_changes_and_deletes(tenant_api: TenantAPI) -> None:
    client = tenant_api("integrations:read", "integrations:write")
    made = client.post(V1, WHATSAPP)
    assert made.status_code == 201
    body = made.json()
    assert (body["access_token"], body["slot"], body["is_default"], body["owner"], body["version"]) == (
        "EAATestAcc***456789",
        "whatsapp",
        True,
        None,
        1,
    )
    path = f"{V1}/{body['id']}"
    assert made["Location"] == path
    assert client.get(path).json() == body
    changed = client.patch(path, {"name": "Main number", "access_token": ""}).json()
    assert (changed["name"], changed["version"], changed["access_token"]) == ("Main number", 2, "EAATestAcc***456789")
    replaced = client.put(path, {"phone_number_id": "42"}).json()
    assert (replaced["phone_number_id"], replaced["version"]) == ("42", 3)
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404


def test_platform_uses_the_same_view_beside_the_map(
    api: APIClient, tenant: Tenant, tenant_api: TenantAPI, mia: Membership
) -> None:
    url = f"/api/platform/tenants/{tenant.slug}/integrations"
    made = api.post(f"{url}/items", N8N).json()
    personal = add(tenant, "Mia's", mia)
    assert api.get(url).json()["n8n"]["id"] == made["id"]
    assert api.get(f"{url}/items/{made['id']}").json() == tenant_api().get(f"{V1}/{made['id']}").json() == made
    assert names(api.get(f"{url}/items")) == ["n8n", "Mia's"]
    assert api.patch(f"{url}/items/{personal.id}", {"enabled": False}).json()["owner"] == str(mia.id)


# --- Who sees and writes what ---------------------------------------------------------------------------------------


def test_personal_integration_is_its_owners_alone(
    tenant: Tenant, mia: Membership, owner: APIClient, tenant_api: TenantAPI, other_tenant: Tenant
) -> None:
    add(tenant, "tenant's")
    own = client_of(mia.user)
    made = own.post(V1, {**N8N, "name": "mine", "owner": "me"})
    assert (made.status_code, made.json()["owner"], made.json()["is_default"]) == (201, str(mia.id), True)
    path = f"{V1}/{made.json()['id']}"
    assert names(own.get(V1)) == ["tenant's", "mine"]
    logged = ActivityLog.objects.count()
    admin = client_of(join(tenant, "amin", Role.ADMIN).user)
    other_member = client_of(join(tenant, "max", Role.MEMBER).user)
    stranger = client_of(join(other_tenant, "eve", Role.OWNER).user)
    logged = ActivityLog.objects.count()
    for client in (owner, admin, other_member, stranger, tenant_api()):
        assert "mine" not in names(client.get(V1))
        assert {client.get(path).status_code, client.get(f"{path}/logs").status_code} == {404}
        assert client.patch(path, {"enabled": False}).status_code == 404
        assert client.put(path, N8N).status_code == 404
        assert client.delete(path).status_code == 404
    assert ActivityLog.objects.exclude(object_kind="apikey").count() - logged <= 1  # the key that was made
    assert Integration.objects.get(owner=mia).version == 1
    assert own.patch(path, {"name": "renamed"}).json()["name"] == "renamed"
    assert own.delete(path).status_code == 204


def test_member_reads_the_tenants_and_changes_nothing_of_them(tenant: Tenant, mia: Membership) -> None:
    shared = add(tenant, "tenant's")
    client = client_of(mia.user)
    path = f"{V1}/{shared.id}"
    logged = ActivityLog.objects.count()
    assert client.get(path).json()["name"] == "tenant's"
    for answer in (
        client.post(V1, N8N),
        client.patch(path, {"enabled": False}),
        client.put(path, N8N),
        client.delete(path),
    ):
        assert answer.status_code == 403
        assert answer.json()["detail"] == "This credential lacks the scope integrations:write."
    assert client.get(f"{path}/logs").status_code == 403
    assert (Integration.objects.get().version, ActivityLog.objects.count()) == (1, logged)


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        (["integrations:read"], (200, 403, 403, 403)),
        (["integrations:use"], (403, 403, 403, 403)),
        (["integrations:write"], (403, 201, 200, 403)),
        (["integrations:*", "activity:read"], (200, 201, 200, 200)),
        (["webhooks:*"], (403, 403, 403, 403)),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_key_does_what_its_scopes_say(
    tenant: Tenant, tenant_api: TenantAPI, scopes: list[str], statuses: tuple[int, ...]
) -> None:
    shared = add(tenant, "tenant's")
    client = tenant_api(*scopes)
    answers = (
        client.get(V1),
        client.post(V1, N8N),
        client.patch(f"{V1}/{shared.id}", {"enabled": False}),
        client.get(f"{V1}/{shared.id}/logs"),
    )
    assert tuple(answer.status_code for answer in answers) == statuses


@pytest.mark.parametrize("who", ["key", "platform"])
def test_only_members_own_integrations(api: APIClient, tenant: Tenant, tenant_api: TenantAPI, who: str) -> None:
    client, path = (
        (tenant_api(), V1) if who == "key" else (api, f"/api/platform/tenants/{tenant.id}/integrations/items")
    )
    answer = client.post(path, {**N8N, "owner": "me"})
    assert answer.json()["errors"] == {"owner": ["Only a member owns integrations: leave this out."]}
    assert not Integration.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "provider"),
        ({"provider": 1}, "provider"),
        ({"provider": "fax"}, "provider"),
        ({**N8N, "owner": "you"}, "owner"),
        ({**N8N, "owner": {"id": 1}}, "owner"),
        ({**N8N, "is_default": "yes"}, "is_default"),
        ({**N8N, "base_url": "ftp://x"}, "base_url"),
        ({**N8N, "slot": "n8n"}, "slot"),
        ({**N8N, "version": 7}, "version"),
    ],
    ids=str,
)
def test_wrong_body_names_the_field(owner: APIClient, body: dict[str, Any], field: str) -> None:
    answer = owner.post(V1, body)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert not Integration.objects.exists()


def test_owner_of_an_integration_cannot_be_changed(tenant: Tenant, mia: Membership) -> None:
    own = add(tenant, "mine", mia)
    answer = client_of(mia.user).patch(f"{V1}/{own.id}", {"owner": None})
    assert answer.json()["errors"] == {"owner": ["This field cannot be written here."]}
    assert Integration.objects.get().owner_id == mia.id


# --- Lists, defaults, versions, logs --------------------------------------------------------------------------------


def test_list_is_filtered_searched_and_sorted(
    tenant: Tenant, api: APIClient, mia: Membership, owner: APIClient, tenant_api: TenantAPI
) -> None:
    add(tenant, "beta")
    add(tenant, "alpha")
    add(tenant, "mine", mia)
    owner.post(V1, WHATSAPP)
    Integration.objects.filter(name="alpha").update(health=Health.FAILING)
    Integration.objects.filter(name="beta").update(enabled=False, description="Line one")
    client = client_of(mia.user)

    def listed(query: str) -> list[str]:
        return names(client.get(f"{V1}?{query}"))

    assert listed("") == ["beta", "alpha", "mine", "WhatsApp"]
    assert listed("ordering=-name") == ["mine", "beta", "alpha", "WhatsApp"]
    assert listed("provider=whatsapp") == listed("slot=whatsapp") == ["WhatsApp"]
    assert listed("enabled=false") == listed("status=inactive") == listed("q=LINE") == ["beta"]
    assert listed("status=error") == listed("health=failing") == ["alpha"]
    assert listed("status=active") == ["mine", "WhatsApp"]
    assert listed("owner=me") == listed(f"owner={mia.id}") == ["mine"]
    assert listed("owner=tenant&is_default=true") == ["beta", "WhatsApp"]
    assert client.get(f"{V1}?page_size=1").json()["count"] == 4
    for wrong in ("owner=you", "status=odd", "enabled=maybe", "provider=fax"):
        assert client.get(f"{V1}?{wrong}").status_code == 422, wrong
    assert names(owner.get(f"{V1}?owner={mia.id}")) == names(tenant_api().get(f"{V1}?owner=me")) == []
    assert names(api.get(f"/api/platform/tenants/acme/integrations/items?owner={mia.id}")) == ["mine"]


def test_list_issues_the_same_queries_for_one_row_and_for_ten(tenant: Tenant, owner: APIClient) -> None:
    owner.post(V1, WHATSAPP)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(V1).status_code == 200
        return len(captured)

    one = queries()
    for number in range(9):
        owner.post(V1, {**WHATSAPP, "name": str(number)})
    assert queries() == one


def test_default_is_handed_over(tenant: Tenant, owner: APIClient) -> None:
    first, second = add(tenant, "a"), add(tenant, "b")
    assert owner.patch(f"{V1}/{second.id}", {"is_default": True}).json()["is_default"]
    assert not owner.get(f"{V1}/{first.id}").json()["is_default"]
    refused = owner.patch(f"{V1}/{second.id}", {"is_default": False})
    assert list(refused.json()["errors"]) == ["is_default"]
    made = owner.post(V1, {**N8N, "name": "c", "is_default": True}).json()
    assert [row.name for row in Integration.objects.filter(is_default=True)] == ["c"]
    assert made["is_default"]


def test_lost_update_is_refused(tenant: Tenant, owner: APIClient) -> None:
    path = f"{V1}/{add(tenant, 'a').id}"
    tag = owner.get(path)["ETag"]
    assert owner.patch(path, {"name": "b"}, headers={"If-Match": tag}).status_code == 200
    for answer in (
        owner.patch(path, {"name": "c"}, headers={"If-Match": tag}),
        owner.put(path, N8N, headers={"If-Match": tag}),
        owner.delete(path, headers={"If-Match": tag}),
    ):
        assert answer.status_code == 412
    assert Integration.objects.get().name == "b"
    assert owner.delete(path, headers={"If-Match": owner.get(path)["ETag"]}).status_code == 204


def test_log_names_what_was_done_newest_first(tenant: Tenant, owner: APIClient, mia: Membership) -> None:
    shared, other = add(tenant, "a"), add(tenant, "b")
    for name in ("c", "d"):
        owner.patch(f"{V1}/{shared.id}", {"name": name})
    owner.patch(f"{V1}/{other.id}", {"name": "e"})
    rows = owner.get(f"{V1}/{shared.id}/logs").json()
    assert [(row["verb"], row["changed_fields"]) for row in rows] == [
        ("integration.updated", ["name"]),
        ("integration.updated", ["name"]),
        ("integration.created", ["base_url", "name"]),
    ]
    assert rows[0]["actor"] == {"kind": "user", "id": rows[0]["actor"]["id"], "name": "olga", "address": None}
    assert owner.get(f"{V1}/{shared.id}/logs?limit=1").json() == rows[:1]
    for wrong in ("limit=0", "limit=201", "limit=x", "page=1"):
        assert owner.get(f"{V1}/{shared.id}/logs?{wrong}").status_code == 422, wrong
    own = client_of(mia.user).post(V1, {**N8N, "owner": "me"}).json()
    assert len(client_of(mia.user).get(f"{V1}/{own['id']}/logs").json()) == 1


def test_auditor_sees_no_secret(tenant: Tenant, owner: APIClient) -> None:
    owner.post(V1, WHATSAPP)
    auditor = person("aud")
    auditor.platform_role = "auditor"
    auditor.is_staff = True
    auditor.save()
    client = client_of(auditor)
    url = f"/api/platform/tenants/{tenant.slug}/integrations/items"
    row = client.get(url).json()["results"][0]
    assert row["access_token"] == "hidden"
    assert client.patch(f"{url}/{row['id']}", {"enabled": False}).status_code == 403
    assert Integration.objects.get().enabled
