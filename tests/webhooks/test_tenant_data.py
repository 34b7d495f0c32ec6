from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.ids import uuid7, uuid7_floor
from integrations.models import Tenant
from tests.integrations.isolation.rows import insert_row
from tests.webhooks.webhook_steps import URL
from webhooks import tenant_data
from webhooks.models import (
    BacklogMove,
    Delivery,
    Due,
    Event,
    IdempotencyKey,
    InboundKey,
    InboundRequest,
    Payload,
    Receiver,
    ReceiverCount,
    Recovery,
    RedactionRule,
    TenantRuntime,
    Webhook,
    WebhookRuntime,
    WebhookStats,
)
from webhooks.services.webhooks import create_webhook
from webhooks.tenant_data import owner

ROWS = {
    "webhooks_due": 3,
    "webhooks_idempotencykey": 2,
    "webhooks_delivery": 3,
    "webhooks_payload": 3,
    "webhooks_event": 3,
    "webhooks_tenantruntime": 1,
    "webhooks_webhookruntime": 1,
    "webhooks_webhookstats": 1,
    "webhooks_recovery": 1,
    "webhooks_redactionrule": 1,
    "webhooks_backlogmove": 1,
    "webhooks_inboundkey": 1,
    "webhooks_inboundrequest": 1,
    "webhooks_receivercount": 1,
    "webhooks_receiver": 1,
    "webhooks_webhook": 2,
}
NOTHING = dict.fromkeys(ROWS, 0)


@pytest.fixture
def fill(admin_actor: Actor) -> Callable[[Tenant], None]:
    """Give a tenant the rows of `ROWS`, some of them days old."""

    def make(tenant: Tenant) -> None:
        first, _ = (
            create_webhook(actor=admin_actor, tenant=tenant, workflow_name=name, url=URL) for name in ("one", "two")
        )
        WebhookStats.objects.create(webhook=first, tenant=tenant)
        WebhookRuntime.objects.create(webhook=first, tenant=tenant)
        TenantRuntime.objects.create(tenant_id=tenant.id)
        insert_row(Recovery, tenant.id, webhook_id=first.id)
        insert_row(BacklogMove, tenant.id)
        insert_row(RedactionRule, tenant.id)
        receiver = insert_row(Receiver, tenant.id)
        for model in (InboundKey, InboundRequest, ReceiverCount):
            insert_row(model, tenant.id, receiver_id=receiver["id"])
        for key in ("a", "b"):
            IdempotencyKey.objects.create(tenant_id=tenant.id, key=key, fingerprint="x", expires_at=timezone.now())
        for days in (0, 3, 40):
            identifier = type(tenant.id)(
                int=uuid7_floor(timezone.now() - timedelta(days=days)).int | (uuid7().int & 0xFFFF_FFFF_FFFF)
            )
            of_both = {"tenant_id": tenant.id, "target_id": first.id, "event_id": identifier}
            Event.objects.create(id=identifier, tenant_id=tenant.id)
            Payload.objects.create(id=identifier, tenant_id=tenant.id, body="{}")
            Delivery.objects.create(id=identifier, **of_both)
            Due.objects.create(delivery_id=identifier, due_at=timezone.now(), **of_both)

    return make


def test_counts_and_deletes_one_tenants_rows_in_order(
    tenant: Tenant, other_tenant: Tenant, fill: Callable[[Tenant], None]
) -> None:
    fill(tenant)
    fill(other_tenant)
    assert owner.count(tenant.id) == ROWS
    deleted = owner.delete(tenant.id)
    assert deleted == ROWS
    assert list(deleted) == list(owner.count(tenant.id)) == list(ROWS)
    assert owner.count(tenant.id) == NOTHING
    assert owner.count(other_tenant.id) == ROWS


def test_deletes_nothing_more_when_run_again(tenant: Tenant, fill: Callable[[Tenant], None]) -> None:
    fill(tenant)
    owner.delete(tenant.id)
    assert owner.delete(tenant.id) == NOTHING


def test_counts_and_deletes_every_tenants_rows_when_none_is_named(
    tenant: Tenant, other_tenant: Tenant, fill: Callable[[Tenant], None]
) -> None:
    fill(tenant)
    fill(other_tenant)
    twice = {table: 2 * rows for table, rows in ROWS.items()}
    assert owner.count(None) == twice
    assert owner.delete(None) == twice
    assert owner.count(None) == NOTHING


def test_deletes_all_when_there_are_more_rows_than_a_batch_holds(
    tenant: Tenant, other_tenant: Tenant, fill: Callable[[Tenant], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_data, "BATCH", 1)
    fill(tenant)
    fill(other_tenant)
    assert owner.delete(tenant.id) == ROWS
    assert owner.count(other_tenant.id) == ROWS


def test_empties_the_tenants_queue_when_it_is_stopped(
    tenant: Tenant, other_tenant: Tenant, fill: Callable[[Tenant], None]
) -> None:
    fill(tenant)
    fill(other_tenant)
    Due.objects.filter(tenant_id=tenant.id).update(lease_by=uuid7())
    owner.stop(tenant.id)
    assert owner.count(tenant.id) == {**ROWS, "webhooks_due": 0}
    assert owner.count(other_tenant.id) == ROWS
    assert Webhook.objects.count() == 4


def test_stops_a_tenant_after_one_batch_and_leaves_the_rest_of_its_queue_to_the_sweep(
    tenant: Tenant, fill: Callable[[Tenant], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_data, "BATCH", 2)
    fill(tenant)
    owner.stop(tenant.id)
    assert owner.count(tenant.id)["webhooks_due"] == 1
    owner.delete(tenant.id)
    assert owner.count(tenant.id) == NOTHING
