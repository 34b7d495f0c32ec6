"""`GET /api/v1/me`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.api_keys.models import APIKey
from integrations.models import Role, Tenant
from integrations.services.memberships import add_member
from tests.integrations.people import client_of, join


def test_key_learns_what_it_is(tenant: Tenant, tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api("webhooks:*", "events:write")
    key = APIKey.objects.get()
    assert client.get("/api/v1/me").json() == {
        "kind": "api_key",
        "tenant": {"id": str(tenant.id), "name": "Acme", "slug": "acme", "is_active": True},
        "scopes": ["events:write", "webhooks:*"],
        "expanded_scopes": ["events:write", "webhooks:read", "webhooks:write"],
        "key": {"id": str(key.id), "name": "Shop backend", "key_prefix": key.key_prefix, "expires_at": None},
    }


def test_person_learns_of_all_their_tenants(tenant: Tenant, other_tenant: Tenant) -> None:
    membership = join(tenant, "mia", Role.OWNER)
    add_member(actor=Actor.system("test"), tenant=other_tenant, user=membership.user, role=Role.MEMBER)
    body = client_of(membership.user, tenant).get("/api/v1/me").json()
    assert len(body.pop("expanded_scopes")) == 17
    assert body == {
        "kind": "member",
        "tenant": {"id": str(tenant.id), "name": "Acme", "slug": "acme", "is_active": True},
        "scopes": ["*"],
        "user": {"id": str(membership.user_id), "username": "mia", "email": "mia@example.com", "name": ""},
        "membership": str(membership.id),
        "role": "owner",
        "tenants": [
            {"id": str(tenant.id), "name": "Acme", "slug": "acme", "is_active": True, "role": "owner"},
            {"id": str(other_tenant.id), "name": "Other", "slug": "other", "is_active": True, "role": "member"},
        ],
    }


def test_credential_without_the_scope_of_anything_else_may_ask(tenant_api: Callable[..., APIClient]) -> None:
    assert tenant_api("messages:send").get("/api/v1/me").status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_else_is_allowed(tenant_api: Callable[..., APIClient], method: str) -> None:
    assert getattr(tenant_api(), method)("/api/v1/me").status_code in {403, 405}


def test_nobody_without_a_credential_is_told_anything(anonymous_api: APIClient, db: None) -> None:
    assert anonymous_api.get("/api/v1/me").status_code == 401


def test_person_costs_three_queries(tenant: Tenant) -> None:
    client = client_of(join(tenant, "mia", Role.MEMBER).user)
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/api/v1/me").status_code == 200
    assert len(captured) == 3
