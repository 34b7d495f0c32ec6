from __future__ import annotations

from uuid import uuid4

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from integrations.services.tenants import delete_tenant
from tests.webhooks.webhook_steps import URL
from webhooks.directory import KnownWebhook, ListedWebhook, directory
from webhooks.models import Payload, Webhook, WebhookStats
from webhooks.services.webhooks import create_webhook


def test_finds_webhook_when_named_by_id_or_name(tenant: Tenant, webhook: Webhook) -> None:
    known = KnownWebhook(id=webhook.id, name="contact_form")
    with tenant_scope(tenant):
        assert directory.find(tenant.id, str(webhook.id)) == known
        assert directory.find(tenant.id, webhook.id.hex.upper()) == known
        assert directory.find(tenant.id, "contact_form") == known


def test_finds_nothing_when_the_text_names_no_webhook_of_the_tenant(
    tenant: Tenant, other_tenant: Tenant, webhook: Webhook
) -> None:
    with tenant_scope(tenant):
        for reference in ("", "nothing", "CONTACT_FORM", "contact_form\x00", "\ud800", str(uuid4()), "a" * 5000):
            assert directory.find(tenant.id, reference) is None
    with tenant_scope(other_tenant):
        assert directory.find(other_tenant.id, str(webhook.id)) is None
        assert directory.find(other_tenant.id, "contact_form") is None


def test_names_those_webhooks_that_exist(
    tenant: Tenant, other_tenant: Tenant, webhook: Webhook, admin_actor: Actor
) -> None:
    foreign = create_webhook(actor=admin_actor, tenant=other_tenant, workflow_name="foreign", url=URL)
    with tenant_scope(tenant):
        assert directory.names(tenant.id, [webhook.id, foreign.id, uuid4()]) == {webhook.id: "contact_form"}
        assert directory.names(tenant.id, []) == {}


def test_lists_webhooks_by_name_of_one_tenant_or_of_all(
    tenant: Tenant, other_tenant: Tenant, webhook: Webhook, admin_actor: Actor
) -> None:
    called_at = timezone.now()
    orders = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="orders", url=URL, is_active=False)
    foreign = create_webhook(actor=admin_actor, tenant=other_tenant, workflow_name="foreign", url=URL)
    WebhookStats.objects.update_or_create(
        webhook_id=orders.id, defaults={"tenant_id": tenant.id, "last_called_at": called_at}
    )
    mine = [
        ListedWebhook(webhook.id, "contact_form", tenant.id, is_active=True, last_called_at=None),
        ListedWebhook(orders.id, "orders", tenant.id, is_active=False, last_called_at=called_at),
    ]
    with tenant_scope(tenant):
        assert directory.listed(tenant.id, limit=10) == mine
        assert directory.listed(tenant.id, limit=1) == mine[:1]
        assert directory.listed(tenant.id, limit=10, ids=[orders.id, foreign.id]) == mine[1:]
        assert [each.id for each in directory.listed(None, limit=10)] == [webhook.id, orders.id]
    assert [each.name for each in directory.listed(None, limit=10)] == ["contact_form", "foreign", "orders"]
    delete_tenant(actor=admin_actor, tenant=other_tenant)
    assert directory.listed(None, limit=10) == mine


def test_reads_payloads_of_many_events_with_two_queries(tenant: Tenant, other_tenant: Tenant) -> None:
    mine = [Payload.objects.create(id=uuid7(), tenant_id=tenant.id, body=f'{{"n":{number}}}') for number in range(3)]
    foreign = Payload.objects.create(id=uuid7(), tenant_id=other_tenant.id, body="{}")
    asked = [*(payload.id for payload in mine[:2]), foreign.id, uuid7()]
    with tenant_scope(tenant), CaptureQueriesContext(connection) as captured:
        assert directory.payloads(tenant.id, asked) == {mine[0].id: '{"n":0}', mine[1].id: '{"n":1}'}
    assert len(captured) == 2  # the second one asks for redaction rules
