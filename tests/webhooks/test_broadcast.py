"""One payload to all of a tenant's webhooks."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from integrations.activity.actor import Actor
from integrations.errors import InvalidInputError
from integrations.models import Tenant
from integrations.services.tenants import update_tenant
from tests.engine_process import running_engine
from tests.receiver import Receiver
from tests.webhooks.sending_steps import BAD_PAYLOADS, NOTHING, make_webhook, row_counts
from tests.webhooks.webhook_steps import update
from webhooks.errors import TenantInactive
from webhooks.models import Delivery, Due, Event, Payload
from webhooks.services.broadcast import call_all_tenant_webhooks


def test_a_broadcast_reaches_all_active_webhooks_whatever_they_subscribe_to(
    tenant: Tenant, other_tenant: Tenant, admin_actor: Actor
) -> None:
    make_webhook(other_tenant, admin_actor, "stranger")
    second = make_webhook(tenant, admin_actor, "second", ["order.*"])
    first = make_webhook(tenant, admin_actor, "first")
    update(make_webhook(tenant, admin_actor, "disabled", ["*"]), admin_actor, is_active=False)

    results = call_all_tenant_webhooks(
        tenant, {"a": 1}, triggered_by="job", metadata={"k": 1}, max_retries=1, timeout=2.0
    )

    assert list(results) == ["first", "second"]
    deliveries = {row.id: row for row in Delivery.objects.all()}
    assert {name: deliveries[result.delivery_id].target_id for name, result in results.items()} == {
        "first": first.id,
        "second": second.id,
    }
    assert {(row.max_retries, row.timeout_ms) for row in Due.objects.all()} == {(1, 2000)}
    event = Event.objects.get()
    assert (event.tenant_id, event.event_type, event.triggered_by, event.metadata) == (tenant.id, "", "job", {"k": 1})
    assert Payload.objects.get().body == '{"a":1}'


def test_a_broadcast_to_nobody_is_an_event_all_the_same(tenant: Tenant) -> None:
    assert call_all_tenant_webhooks(tenant, {}) == {}
    assert row_counts() == NOTHING | {"Event": 1, "Payload": 1}


def test_a_broadcast_waits_for_every_result(
    transactional_db: None, tenant: Tenant, admin_actor: Actor, receiver: Receiver
) -> None:
    for name in ("one", "two"):
        make_webhook(tenant, admin_actor, name, url=receiver.url(f"/{name}"))
    nowhere = make_webhook(tenant, admin_actor, "nowhere")
    nowhere.url = None
    nowhere.save(update_fields=["url"])
    receiver.answer("/two", status=201, body="made")

    with running_engine():
        results = call_all_tenant_webhooks(tenant, {"a": 1}, wait=True, max_retries=0)

    assert {name: (result.success, result.status_code) for name, result in results.items()} == {
        "nowhere": (False, None),
        "one": (True, 200),
        "two": (True, 201),
    }
    assert results["two"].response_body == "made"
    assert "no n8n integration" in results["nowhere"].error_message


@pytest.mark.parametrize(("payload", "reason"), BAD_PAYLOADS)
def test_a_bad_payload_is_refused_before_anything_is_stored(
    tenant: Tenant, admin_actor: Actor, payload: Any, reason: str
) -> None:
    make_webhook(tenant, admin_actor, "one")

    with pytest.raises(InvalidInputError) as refusal:
        call_all_tenant_webhooks(tenant, payload)

    assert refusal.value.errors == {"payload": [reason]}
    assert row_counts() == NOTHING


def test_an_inactive_tenant_broadcasts_nothing(tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "one")
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)

    with pytest.raises(TenantInactive):
        call_all_tenant_webhooks(tenant, {})
    assert row_counts() == NOTHING


def test_waiting_inside_a_transaction_is_refused(tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "one")

    with transaction.atomic(), pytest.raises(TransactionManagementError):
        call_all_tenant_webhooks(tenant, {}, wait=True)
    assert row_counts() == NOTHING
