"""`…/members` for both audiences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Integration, Invitation, Membership, Role, Tenant
from integrations.services.integration_items import add_integration
from tests.integrations.people import client_of, join

V1 = "/api/v1/members"


@pytest.fixture
def team(tenant: Tenant) -> dict[str, Membership]:
    return {
        role: join(tenant, name, Role(role))
        for role, name in {"owner": "olga", "admin": "amin", "member": "mia"}.items()
    }


@pytest.fixture
def stranger(other_tenant: Tenant) -> Membership:
    return join(other_tenant, "eve", Role.OWNER)


def roles(tenant: Tenant) -> dict[str, str]:
    return dict(Membership.objects.filter(tenant=tenant).values_list("user__username", "role"))


ALL = {"olga": "owner", "amin": "admin", "mia": "member"}


def test_both_audiences_list_the_same(
    api: APIClient, tenant: Tenant, team: dict[str, Membership], stranger: Membership, tenant_api: Any
) -> None:
    listed = api.get(f"/api/platform/tenants/{tenant.slug}/members").json()
    assert [row["user"]["username"] for row in listed["results"]] == ["olga", "amin", "mia"]
    first = listed["results"][0]
    assert first == {
        "id": str(team["owner"].id),
        "user": {"id": str(team["owner"].user_id), "username": "olga", "email": "olga@example.com", "name": ""},
        "role": "owner",
        "created_at": first["created_at"],
    }
    for client in (client_of(team["member"].user), tenant_api("members:read")):
        assert client.get(V1).json()["results"] == listed["results"]
        assert client.get(f"{V1}/{team['owner'].id}").json() == first


def test_list_is_filtered_searched_and_sorted(team: dict[str, Membership]) -> None:
    client = client_of(team["owner"].user)

    def names(query: str) -> list[str]:
        return [row["user"]["username"] for row in client.get(f"{V1}?{query}").json()["results"]]

    assert names("role=admin") == ["amin"]
    assert names("search=MI") == ["amin", "mia"]
    assert names("ordering=username") == ["amin", "mia", "olga"]
    assert client.get(f"{V1}?role=king").status_code == 422


def test_owner_changes_a_role(team: dict[str, Membership], tenant: Tenant) -> None:
    answer = client_of(team["owner"].user).patch(f"{V1}/{team['member'].id}", {"role": "owner"})
    assert (answer.status_code, answer.json()["role"]) == (200, "owner")
    assert roles(tenant) == {**ALL, "mia": "owner"}


@pytest.mark.parametrize("body", [{}, {"role": "king"}, {"role": "admin", "user": 1}, {"role": None}], ids=str)
def test_wrong_body_changes_nothing(team: dict[str, Membership], tenant: Tenant, body: dict[str, Any]) -> None:
    assert client_of(team["owner"].user).patch(f"{V1}/{team['member'].id}", body).status_code == 422
    assert roles(tenant) == ALL


@pytest.mark.parametrize("who", ["member", "read key", "stranger"])
def test_others_change_nothing(
    team: dict[str, Membership], stranger: Membership, tenant: Tenant, tenant_api: Any, who: str
) -> None:
    client = {
        "member": lambda: client_of(team["member"].user),
        "read key": lambda: tenant_api("members:read"),
        "stranger": lambda: client_of(stranger.user),
    }[who]()
    logged = ActivityLog.objects.count()
    target = f"{V1}/{team['admin'].id}"
    expected = 404 if who == "stranger" else 403
    assert client.patch(target, {"role": "member"}).status_code == expected
    assert client.delete(target).status_code == expected
    if who == "stranger":
        assert client.get(target).status_code == 404
    else:
        assert client.post(V1, {"email": "a@example.com", "role": "member"}).status_code == 403
    assert roles(tenant) == ALL
    assert (ActivityLog.objects.count(), Invitation.objects.count()) == (logged, 0)


def test_admin_touches_no_owner(team: dict[str, Membership], tenant: Tenant) -> None:
    join(tenant, "otto", Role.OWNER)
    client = client_of(team["admin"].user)
    target = f"{V1}/{team['owner'].id}"
    for answer in (
        client.patch(target, {"role": "member"}),
        client.delete(target),
        client.patch(f"{V1}/{team['admin'].id}", {"role": "owner"}),
        client.post(V1, {"email": "a@example.com", "role": "owner"}),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (403, "Only an owner decides who is an owner.")
    assert roles(tenant) == {**ALL, "otto": "owner"}
    assert not Invitation.objects.exists()


def test_last_owner_stays_whoever_asks(api: APIClient, team: dict[str, Membership], tenant: Tenant) -> None:
    own = client_of(team["owner"].user)
    path = f"/api/platform/tenants/{tenant.slug}/members/{team['owner'].id}"
    for answer in (
        own.delete(f"{V1}/me"),
        own.patch(f"{V1}/{team['owner'].id}", {"role": "admin"}),
        api.delete(path),
        api.patch(path, {"role": "member"}),
    ):
        assert answer.status_code == 409
    assert roles(tenant) == ALL


def test_removal_asks_then_shares_or_deletes(team: dict[str, Membership], tenant: Tenant) -> None:
    add_integration(
        actor=Actor.system("test"),
        tenant=tenant,
        provider="n8n",
        values={"base_url": "https://n8n.example.com/webhook"},
        owner=team["member"],
    )
    client = client_of(team["admin"].user)
    target = f"{V1}/{team['member'].id}"
    asked = client.delete(target)
    assert asked.status_code == 422
    assert asked.json()["errors"] == {
        "integrations": ["mia owns 1 integration: say what becomes of them, share or delete."]
    }
    assert client.delete(f"{target}?integrations=keep").status_code == 422
    assert roles(tenant) == ALL
    assert client.delete(f"{target}?integrations=share").status_code == 204
    assert Integration.objects.get().owner_id is None
    assert roles(tenant) == {"olga": "owner", "amin": "admin"}
    assert client.delete(target).status_code == 404


def test_member_leaves_and_has_no_access_any_more(team: dict[str, Membership], tenant: Tenant) -> None:
    client = client_of(team["member"].user)
    assert client.get(f"{V1}/me").json()["user"]["username"] == "mia"
    assert client.delete(f"{V1}/me").status_code == 204
    assert client.get("/api/v1/me").status_code == 403
    assert roles(tenant) == {"olga": "owner", "amin": "admin"}


def test_key_is_nobodys_membership(tenant_api: Callable[..., APIClient], team: dict[str, Membership]) -> None:
    client = tenant_api()
    assert client.get(f"{V1}/me").status_code == 404
    assert client.delete(f"{V1}/me").status_code == 404
    assert Membership.objects.count() == 3


def test_path_of_the_platform_names_no_member_of_another_tenant(
    api: APIClient, tenant: Tenant, stranger: Membership
) -> None:
    target = f"/api/platform/tenants/{tenant.slug}/members/{stranger.id}"
    assert [api.get(target).status_code, api.delete(target).status_code] == [404, 404]
    assert api.patch(target, {"role": "member"}).status_code == 404
    assert Membership.objects.get().role == Role.OWNER
