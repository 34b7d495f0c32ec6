"""Reading integrations: slots, the configuration as people may see it, the base of derived webhook addresses."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from integrations.activity.actor import Actor
from integrations.errors import NotFoundError
from integrations.models import Integration, Tenant
from integrations.models.integration import Health
from integrations.providers.registry import slots
from integrations.queries import base_url_for_webhooks, integration_in_slot, integrations_by_slot, shown_config
from integrations.services.integrations import change_integration, create_integration
from integrations.services.tenants import delete_tenant
from integrations.statistics import ProviderCount, integrations_by_provider

BASE = "https://n8n.example.com/webhook/tenant123"


@pytest.fixture
def n8n(tenant: Tenant, admin_actor: Actor) -> Integration:
    values = {"base_url": f"{BASE}/", "api_key": "n8n_api_0123456789abcdef0123456789abcdef01234567"}
    return create_integration(actor=admin_actor, tenant=tenant, provider="n8n", values=values)


def test_every_slot_is_there_when_all_are_empty(tenant: Tenant) -> None:
    assert integrations_by_slot(tenant) == dict.fromkeys(slots())


def test_slots_hold_the_tenants_own_defaults_only(tenant: Tenant, other_tenant: Tenant, n8n: Integration) -> None:
    assert integrations_by_slot(tenant) == {**dict.fromkeys(slots()), "n8n": n8n}
    assert integrations_by_slot(other_tenant) == dict.fromkeys(slots())
    Integration.objects.update(is_default=False)
    assert integrations_by_slot(tenant)["n8n"] is None


def test_slot_is_found_or_refused(tenant: Tenant, other_tenant: Tenant, n8n: Integration) -> None:
    assert integration_in_slot(tenant, "n8n") == n8n
    for of, slot in ((tenant, "sms"), (other_tenant, "n8n"), (tenant, "fax"), (tenant, "twilio")):
        with pytest.raises(NotFoundError):
            integration_in_slot(of, slot)
    Integration.objects.update(is_default=False)
    with pytest.raises(NotFoundError):
        integration_in_slot(tenant, "n8n")


def test_shown_config_masks_secrets_and_names_every_field(n8n: Integration) -> None:
    shown = shown_config(Integration.objects.get(id=n8n.id))
    assert shown.values == {"base_url": BASE, "api_url": None, "api_key": "n8n_api_01***234567"}
    assert shown.unreadable == {}


def test_shown_config_hides_a_value_stored_before_its_field_became_secret(n8n: Integration) -> None:
    n8n.config = {"base_url": BASE, "api_key": "in clear"}
    n8n.save()
    assert shown_config(Integration.objects.get(id=n8n.id)).values["api_key"] == "***"


def test_shown_config_is_empty_when_the_provider_was_removed(n8n: Integration) -> None:
    Integration.objects.update(provider="removed")
    assert shown_config(Integration.objects.get(id=n8n.id)).values == {}


def test_base_url_comes_from_the_tenants_default(tenant: Tenant, other_tenant: Tenant, n8n: Integration) -> None:
    assert base_url_for_webhooks(tenant.id) == BASE
    assert base_url_for_webhooks(other_tenant.id) is None


def test_base_url_comes_from_the_integration_that_is_named(
    tenant: Tenant, other_tenant: Tenant, n8n: Integration
) -> None:
    Integration.objects.update(is_default=False)
    assert base_url_for_webhooks(tenant.id) is None
    assert base_url_for_webhooks(tenant.id, n8n.id) == BASE
    assert base_url_for_webhooks(other_tenant.id, n8n.id) is None
    assert base_url_for_webhooks(tenant.id, uuid4()) is None


def test_base_url_is_none_when_the_integration_is_disabled(
    tenant: Tenant, admin_actor: Actor, n8n: Integration
) -> None:
    change_integration(actor=admin_actor, integration=n8n, values={}, enabled=False)
    assert base_url_for_webhooks(tenant.id) is None
    assert base_url_for_webhooks(tenant.id, n8n.id) is None


def test_base_url_is_none_when_the_provider_has_no_such_address(tenant: Tenant, admin_actor: Actor) -> None:
    values: dict[str, Any] = {"phone_number_id": "1", "access_token": "EAAx"}
    made = create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=values)
    assert base_url_for_webhooks(tenant.id, made.id) is None


def test_integrations_are_counted_by_provider_and_status(
    tenant: Tenant, other_tenant: Tenant, n8n: Integration, admin_actor: Actor
) -> None:
    twilio = {"account_sid": "AC" + "0123456789abcdef" * 2, "auth_token": "f" * 32, "phone_number": "+15550100300"}
    values = {"base_url": BASE, "api_key": "n8n_api_0123456789abcdef0123456789abcdef01234567"}
    create_integration(actor=admin_actor, tenant=other_tenant, provider="n8n", values=values)
    broken = create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=twilio)
    off = create_integration(actor=admin_actor, tenant=other_tenant, provider="twilio", values=twilio)
    Integration.objects.filter(id__in=[broken.id, off.id]).update(health=Health.REAUTH_REQUIRED)
    Integration.objects.filter(id=off.id).update(enabled=False)

    counts = integrations_by_provider()

    assert counts == [
        ProviderCount(provider="n8n", active=2, inactive=0, errors=0),
        ProviderCount(provider="twilio", active=0, inactive=1, errors=1),
    ]
    found = {status: sum(row.status == status for row in Integration.objects.all()) for status in ("active", "error")}
    assert found == {"active": sum(each.active for each in counts), "error": sum(each.errors for each in counts)}
    assert [each.total for each in counts] == [2, 2]


def test_integrations_of_deleted_tenants_are_not_counted(
    other_tenant: Tenant, n8n: Integration, admin_actor: Actor
) -> None:
    delete_tenant(actor=admin_actor, tenant=n8n.tenant)
    assert integrations_by_provider() == []
