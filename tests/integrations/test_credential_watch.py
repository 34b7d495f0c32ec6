"""What alerts are told about credentials: of one tenant in its scope, or of all active ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.alerts.ports import CredentialWatch
from integrations.activity.actor import Actor
from integrations.credential_watch import watch
from integrations.isolation.scope import tenant_scope
from integrations.models import APIKey, Integration, Tenant
from integrations.services.api_keys import create_api_key
from integrations.services.integration_items import add_integration
from integrations.services.integrations import create_integration

ACTOR = Actor.system("test")
VALUES = {"base_url": "https://n8n.example.com/webhook", "api_key": "n8n_api_key_0123456789"}


def make_integration(tenant: Tenant, **fields: Any) -> Integration:
    made = create_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=VALUES)
    Integration.objects.filter(id=made.id).update(**fields)
    return made


def make_integration_beside(tenant: Tenant, **fields: Any) -> Integration:
    made = add_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=VALUES)
    Integration.objects.filter(id=made.id).update(**fields)
    return made


def make_key(tenant: Tenant, **fields: Any) -> APIKey:
    key = create_api_key(actor=ACTOR, tenant=tenant, access=None, name="backend", scopes=["*"]).key
    APIKey.objects.filter(id=key.id).update(**fields)
    return key


def test_port_is_fulfilled() -> None:
    assert isinstance(watch, CredentialWatch)


@pytest.mark.parametrize(
    ("health", "reason"),
    [("failing", "its last test failed"), ("reauth_required", "it has to be authorised anew")],
)
def test_failing_integrations(health: str, reason: str, tenant: Tenant, other_tenant: Tenant) -> None:
    mine, others = make_integration(tenant, health=health), make_integration(other_tenant, health=health)
    assert [(row.tenant_id, row.id, row.reason) for row in watch.failing(None)] == [
        (tenant.id, mine.id, reason),
        (other_tenant.id, others.id, reason),
    ]
    with tenant_scope(tenant):
        assert [row.id for row in watch.failing(tenant.id)] == [mine.id]
    assert watch.unreadable(None) == []


@pytest.mark.parametrize("fields", [{"health": "ok"}, {"health": "degraded"}, {"health": "failing", "enabled": False}])
def test_integrations_in_order_or_switched_off_are_left_out(fields: dict[str, Any], tenant: Tenant) -> None:
    make_integration(tenant, **fields)
    assert watch.failing(None) == []


def test_unreadable_secrets(tenant: Tenant) -> None:
    made = make_integration(tenant, health="unreadable")
    assert [row.id for row in watch.unreadable(None)] == [made.id]
    Tenant.objects.update(is_active=False)
    assert watch.unreadable(None) == []


def test_keys_that_expire_soon(tenant: Tenant, other_tenant: Tenant) -> None:
    now = timezone.now()
    week = now + timedelta(days=7)
    soon = make_key(tenant, expires_at=week - timedelta(seconds=1))
    for fields in (
        {"expires_at": week},
        {"expires_at": now},
        {"expires_at": None},
        {"expires_at": now + timedelta(days=1), "revoked_at": now},
    ):
        make_key(tenant, **fields)
    rotated = make_key(tenant, expires_at=now + timedelta(days=1))
    make_key(tenant, rotated_from=rotated)
    others = make_key(other_tenant, expires_at=now + timedelta(days=1))
    found = watch.expiring(None, now=now, before=week)
    assert [(row.id, row.since, row.reason) for row in found] == [
        (soon.id, week - timedelta(seconds=1), "API key expires"),
        (others.id, now + timedelta(days=1), "API key expires"),
    ]
    with tenant_scope(tenant):
        assert [row.id for row in watch.expiring(tenant.id, now=now, before=week)] == [soon.id]


def test_credentials_that_end_soon(tenant: Tenant) -> None:
    now = timezone.now()
    week = now + timedelta(days=7)
    soon = make_integration(tenant, expires_at=week - timedelta(seconds=1))
    for fields in (
        {"expires_at": week},
        {"expires_at": now},
        {"enabled": False, "expires_at": now + timedelta(days=1)},
    ):
        make_integration_beside(tenant, **fields)
    assert [(row.id, row.since, row.reason) for row in watch.expiring(None, now=now, before=week)] == [
        (soon.id, week - timedelta(seconds=1), "credentials end")
    ]


def test_secrets_of_the_longest_age_are_due(tenant: Tenant, settings: Any) -> None:
    now = timezone.now()
    week = now + timedelta(days=7)
    old = make_integration(tenant, secret_changed_at=week - timedelta(days=90, seconds=1))
    make_integration_beside(tenant, secret_changed_at=week - timedelta(days=90))
    assert watch.expiring(None, now=now, before=week) == []
    settings.CREDENTIAL_MAX_AGE_DAYS = 90
    assert [(row.id, row.since, row.reason) for row in watch.expiring(None, now=now, before=week)] == [
        (old.id, week - timedelta(seconds=1), "secrets are due to be replaced")
    ]
