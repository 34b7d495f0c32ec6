"""Members at `/api/v1`: which tenant a request is about, what it costs, what an inactive tenant still allows."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Membership, Role, Tenant, User
from integrations.services.memberships import add_member
from integrations.services.tenants import delete_tenant, update_tenant
from tests.integrations.people import client_of, join, person

HEADER = "X-Signalbox-Tenant"


@pytest.fixture
def mia(tenant: Tenant) -> User:
    return join(tenant, "mia", Role.MEMBER).user


@pytest.fixture
def in_both(mia: User, other_tenant: Tenant) -> User:
    add_member(actor=Actor.system("test"), tenant=other_tenant, user=mia, role=Role.ADMIN)
    return mia


def test_only_tenant_needs_no_name(mia: User, tenant: Tenant) -> None:
    body = client_of(mia).get("/api/v1/me").json()
    assert (body["tenant"]["slug"], body["role"]) == ("acme", "member")


@pytest.mark.parametrize("by", ["id", "slug", "upper-case id"])
def test_one_of_several_tenants_is_named(in_both: User, other_tenant: Tenant, by: str) -> None:
    name = {"id": str(other_tenant.id), "slug": "other", "upper-case id": str(other_tenant.id).upper()}[by]
    body = client_of(in_both).get("/api/v1/me", headers={HEADER: f" {name} "}).json()
    assert (body["tenant"]["slug"], body["role"]) == ("other", "admin")


def test_who_belongs_to_several_and_names_none_is_told_their_names(in_both: User) -> None:
    answer = client_of(in_both).get("/api/v1/me")
    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        HEADER: ["You belong to several tenants: name one by its id or slug: acme, other."]
    }


@pytest.mark.parametrize("named", ["", "Acme", "acme, other", "../acme", "a" * 5_000, "%00", "-"])
def test_malformed_name_is_refused(in_both: User, named: str) -> None:
    answer = client_of(in_both).get("/api/v1/me", headers={HEADER: named})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {HEADER: ["Must be the id or the slug of one of your tenants."]}


def test_tenant_of_others_and_one_that_is_none_get_the_same_answer(mia: User, other_tenant: Tenant) -> None:
    client = client_of(mia)
    names = ["other", str(other_tenant.id), "nobody", "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"]
    answers = [client.get("/api/v1/me", headers={HEADER: name}) for name in names]
    assert {answer.status_code for answer in answers} == {403}
    assert {answer.json()["detail"] for answer in answers} == {
        "You are no member of the tenant that X-Signalbox-Tenant names."
    }


def test_who_is_no_member_has_no_access(db: None) -> None:
    answer = client_of(person("eve")).get("/api/v1/me")
    assert (answer.status_code, answer.json()["detail"]) == (403, "You are not a member of any tenant.")


def test_platform_admin_is_no_member(api: APIClient, tenant: Tenant) -> None:
    assert api.get("/api/v1/me").status_code == 403


@pytest.mark.parametrize("named", [True, False])
def test_deleted_tenant_is_closed_to_its_members(mia: User, tenant: Tenant, admin_actor: Actor, *, named: bool) -> None:
    client = client_of(mia, tenant if named else None)
    delete_tenant(actor=admin_actor, tenant=tenant)
    assert client.get("/api/v1/me").status_code == 403


def test_members_of_an_inactive_tenant_read_and_change_nothing(tenant: Tenant, admin_actor: Actor) -> None:
    owner = join(tenant, "olga", Role.OWNER)
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)
    client = client_of(owner.user)
    for path in ("me", "members", "integrations", "webhooks"):
        assert client.get(f"/api/v1/{path}").status_code == 200, path
    for answer in (
        client.post("/api/v1/members", {"email": "a@example.com", "role": "member"}),
        client.delete("/api/v1/members/me"),
        client.patch(f"/api/v1/members/{owner.id}", {"role": "admin"}),
    ):
        assert answer.status_code == 403
        assert answer.json()["detail"] == "The tenant is inactive: its members may read, and change nothing."
    assert Membership.objects.get().role == Role.OWNER


def test_role_counts_as_it_is_stored_now(mia: User) -> None:
    client = client_of(mia)
    assert client.get("/api/v1/invitations").status_code == 403
    Membership.objects.update(role=Role.ADMIN)
    assert client.get("/api/v1/invitations").status_code == 200
    Membership.objects.all().delete()
    assert client.get("/api/v1/invitations").status_code == 403


def test_authentication_costs_two_queries(in_both: User, tenant: Tenant) -> None:
    client = client_of(in_both, tenant)
    with CaptureQueriesContext(connection) as captured:
        assert client.options("/api/v1/me").status_code == 200
    assert len(captured) == 2
