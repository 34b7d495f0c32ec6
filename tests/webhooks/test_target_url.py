from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.activity.actor import Actor
from integrations.models import Integration, Tenant
from integrations.services.integrations import change_integration, create_integration
from webhooks.errors import WebhookNotConfigured
from webhooks.models import Webhook
from webhooks.target_url import DerivedUrls, derive_url, derived_url, target_url

TENANT_ID = UUID("019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e")


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://n8n.example.com", "https://n8n.example.com/acme/contact-form"),
        ("https://n8n.example.com/", "https://n8n.example.com/acme/contact-form"),
        ("https://n8n.example.com/webhook", "https://n8n.example.com/webhook/acme/contact-form"),
        ("https://n8n.example.com/webhook/acme", "https://n8n.example.com/webhook/acme/contact-form"),
        ("https://n8n.example.com/webhook/acme//", "https://n8n.example.com/webhook/acme/contact-form"),
        (f"https://n8n.example.com/{TENANT_ID}", f"https://n8n.example.com/{TENANT_ID}/contact-form"),
        # Only a whole segment of the path names the tenant.
        ("https://n8n.example.com/my-acme", "https://n8n.example.com/my-acme/acme/contact-form"),
        ("https://n8n.example.com/acme/hooks", "https://n8n.example.com/acme/hooks/acme/contact-form"),
        ("https://acme", "https://acme/acme/contact-form"),
        ("https://n8n.example.com:5678/webhook", "https://n8n.example.com:5678/webhook/acme/contact-form"),
    ],
)
def test_derives_url_when_base_names_the_tenant_or_not(base_url: str, expected: str) -> None:
    derived = derive_url(base_url=base_url, tenant_id=TENANT_ID, tenant_slug="acme", workflow_name="contact_form")
    assert derived == expected


def test_derives_url_with_hyphens_for_every_underscore() -> None:
    derived = derive_url(
        base_url="https://n8n.example.com", tenant_id=TENANT_ID, tenant_slug="acme", workflow_name="a_b__c-d"
    )
    assert derived == "https://n8n.example.com/acme/a-b--c-d"


@pytest.fixture
def n8n(tenant: Tenant, admin_actor: Actor) -> Integration:
    return create_integration(
        actor=admin_actor, tenant=tenant, provider="n8n", values={"base_url": "https://n8n.example.com/webhook"}
    )


def test_target_is_the_webhooks_own_url_when_it_has_one(tenant: Tenant, n8n: Integration) -> None:
    webhook = Webhook(tenant=tenant, workflow_name="hook", url="https://hooks.example.com/in?x=1")
    assert target_url(webhook) == "https://hooks.example.com/in?x=1"


def test_target_follows_the_integration_when_the_webhook_has_no_url(
    tenant: Tenant, n8n: Integration, admin_actor: Actor
) -> None:
    webhook = Webhook(tenant=tenant, workflow_name="contact_form")
    assert target_url(webhook) == "https://n8n.example.com/webhook/acme/contact-form"
    change_integration(actor=admin_actor, integration=n8n, values={"base_url": "https://other.example.com/acme"})
    assert target_url(webhook) == "https://other.example.com/acme/contact-form"


@pytest.mark.parametrize("is_disabled", [True, False])
def test_target_raises_when_there_is_nothing_to_derive_from(
    tenant: Tenant, admin_actor: Actor, is_disabled: bool, other_tenant: Tenant
) -> None:
    create_integration(
        actor=admin_actor,
        tenant=tenant if is_disabled else other_tenant,
        provider="n8n",
        values={"base_url": "https://n8n.example.com"},
        enabled=not is_disabled,
    )
    with pytest.raises(WebhookNotConfigured) as refusal:
        target_url(Webhook(tenant=tenant, workflow_name="hook"))
    assert refusal.value.detail == "hook has no url, and no n8n integration has a base_url to derive one from."
    assert derived_url(tenant, "hook") is None


def test_target_raises_when_the_integration_named_has_no_base(
    tenant: Tenant, n8n: Integration, admin_actor: Actor
) -> None:
    twilio = create_integration(
        actor=admin_actor,
        tenant=tenant,
        provider="twilio",
        values={"account_sid": "AC" + "0a1b2c3d" * 4, "auth_token": "f0" * 16, "phone_number": "+15550100300"},
    )
    with pytest.raises(WebhookNotConfigured):
        target_url(Webhook(tenant=tenant, workflow_name="hook", integration=twilio))
    assert target_url(Webhook(tenant=tenant, workflow_name="hook", integration=n8n)) == (
        "https://n8n.example.com/webhook/acme/hook"
    )


def test_reads_the_base_once_when_many_urls_are_derived(tenant: Tenant, n8n: Integration) -> None:
    def queries(count: int) -> int:
        derived = DerivedUrls(tenant)
        with CaptureQueriesContext(connection) as captured:
            for number in range(count):
                assert (
                    derived.url(workflow_name=f"hook-{number}") == f"https://n8n.example.com/webhook/acme/hook-{number}"
                )
        return len(captured)

    assert queries(1) == queries(30)


def test_derives_with_the_tenants_own_slug(make_tenant: Callable[..., Tenant], admin_actor: Actor) -> None:
    for slug in ("one", "two"):
        tenant = make_tenant(slug.title(), slug)
        create_integration(
            actor=admin_actor, tenant=tenant, provider="n8n", values={"base_url": f"https://{slug}.example.com"}
        )
        assert derived_url(tenant, "hook") == f"https://{slug}.example.com/{slug}/hook"
