"""Whose credentials a call uses."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.activity.actor import Actor
from integrations.errors import NotFoundError
from integrations.models import Integration, Membership, Role, Tenant
from integrations.resolution import Resolved, Source, resolve_provider, resolve_slot
from integrations.services.integration_items import add_integration
from integrations.services.integrations import change_integration
from tests.integrations.people import join

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("test")
TWILIO = {"account_sid": "AC" + "0a1b2c3d" * 4, "auth_token": "f0" * 16, "phone_number": "+15550100300"}


@pytest.fixture
def mia(tenant: Tenant) -> Membership:
    return join(tenant, "mia", Role.MEMBER)


def add(tenant: Tenant, name: str, owner: Membership | None = None, **more: Any) -> Integration:
    base = {"base_url": f"https://{name}.example.com/webhook"}
    return add_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=base, owner=owner, name=name, **more)


def switch_off(integration: Integration) -> None:
    change_integration(actor=ACTOR, integration=integration, values={}, enabled=False)


def used(resolved: Resolved) -> tuple[Source, str | None, str]:
    row = resolved.integration
    return resolved.source, row.name if row else None, resolved.values()["base_url"]


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_N8N_BASE_URL", "https://platform.example.com/webhook")


def test_a_members_own_wins_then_the_tenants_then_the_platforms(
    tenant: Tenant, mia: Membership, platform: None
) -> None:
    def asked() -> tuple[Source, str | None, str]:
        return used(resolve_slot(tenant=tenant, slot="n8n", membership_id=mia.id))

    assert asked() == (Source.ENVIRONMENT, None, "https://platform.example.com/webhook")
    shared = add(tenant, "shared")
    assert asked() == (Source.TENANT, "shared", "https://shared.example.com/webhook")
    own = add(tenant, "own", mia)
    assert asked() == (Source.USER, "own", "https://own.example.com/webhook")
    switch_off(own)
    assert asked()[0] is Source.TENANT
    switch_off(shared)
    assert asked()[0] is Source.ENVIRONMENT


def test_another_members_own_is_never_used(tenant: Tenant, mia: Membership) -> None:
    add(tenant, "own", mia)
    olga = join(tenant, "olga", Role.OWNER)
    for membership_id in (None, olga.id):
        with pytest.raises(NotFoundError, match="n8n is not connected: add an integration of n8n"):
            resolve_slot(tenant=tenant, slot="n8n", membership_id=membership_id)


def test_another_tenants_is_never_used(tenant: Tenant, other_tenant: Tenant) -> None:
    add(other_tenant, "theirs")
    with pytest.raises(NotFoundError):
        resolve_slot(tenant=tenant, slot="n8n")


def test_a_slot_uses_its_default_a_provider_the_default_first(tenant: Tenant) -> None:
    first = add(tenant, "first")
    second = add(tenant, "second", is_default=False)
    assert used(resolve_slot(tenant=tenant, slot="n8n"))[1] == "first"
    switch_off(first)
    with pytest.raises(NotFoundError, match="n8n is switched off: activate the integration"):
        resolve_slot(tenant=tenant, slot="n8n")
    assert used(resolve_provider(tenant=tenant, provider="n8n"))[1] == "second"
    change_integration(actor=ACTOR, integration=second, values={}, is_default=True)
    assert used(resolve_slot(tenant=tenant, slot="n8n"))[1] == "second"


def test_an_incomplete_environment_is_not_used(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_TWILIO_ACCOUNT_SID", TWILIO["account_sid"])
    with pytest.raises(NotFoundError, match="SMS is not connected"):
        resolve_slot(tenant=tenant, slot="sms")
    for name, value in TWILIO.items():
        monkeypatch.setenv(f"SIGNALBOX_TWILIO_{name.upper()}", value)
    resolved = resolve_slot(tenant=tenant, slot="sms")
    assert (resolved.source, resolved.provider.key) == (Source.ENVIRONMENT, "twilio")
    assert dict(resolved.values()) == TWILIO


def test_an_unknown_slot_is_not_found(tenant: Tenant) -> None:
    with pytest.raises(NotFoundError, match="There is no slot fax"):
        resolve_slot(tenant=tenant, slot="fax")
