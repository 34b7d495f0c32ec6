"""Sending again what has ended, and at once what waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, NotFoundError
from integrations.ids import uuid7
from integrations.models import ActivityLog, Tenant
from tests.lock_waits import waiting_for_locks
from tests.running_site import wait_until
from tests.webhooks.delivery_steps import due, failed, make_delivery, stored, waiting
from tests.webhooks.webhook_steps import update
from webhooks.errors import TenantInactive
from webhooks.models import Delivery, Due, Webhook
from webhooks.services.retrying import retry_deliveries, retry_delivery
from webhooks.services.webhooks import delete_webhook

pytestmark = pytest.mark.django_db


def deeds() -> list[tuple[str, Any]]:
    return list(ActivityLog.objects.filter(object_kind="delivery").order_by("id").values_list("verb", "object_id"))


@pytest.mark.parametrize("state", ["failed", "cancelled", "succeeded"])
def test_begins_a_new_run_when_the_delivery_has_ended(webhook: Webhook, admin_actor: Actor, state: str) -> None:
    delivery = failed(webhook, state=state, max_retries=2, timeout_ms=1500, retry_schedule="quick")
    retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    now = stored(delivery)
    assert (now.state, now.run, now.attempts, now.finished_at) == ("pending", 2, 0, None)
    queued = due(delivery)
    assert queued is not None
    assert (queued.run, queued.attempt, queued.lease_by, queued.event_id) == (2, 0, None, delivery.event_id)
    assert (queued.max_retries, queued.timeout_ms, queued.retry_schedule) == (2, 1500, "quick")
    assert queued.due_at <= timezone.now()
    assert deeds() == [("delivery.retried", delivery.id)]


def test_sends_at_once_when_the_delivery_waits(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = waiting(webhook)
    retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    queued = due(delivery)
    assert queued is not None
    assert queued.due_at <= timezone.now()
    assert (queued.run, queued.attempt) == (1, 1)
    assert stored(delivery).state == "retrying"
    assert deeds() == [("delivery.hastened", delivery.id)]


def test_refuses_what_is_on_the_wire(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = waiting(webhook, lease_by=uuid7())
    before = due(delivery)
    with pytest.raises(ConflictError, match="being sent at this moment"):
        retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    after = due(delivery)
    assert before is not None
    assert after is not None
    assert (before.due_at, before.run) == (after.due_at, after.run)
    assert deeds() == []


def test_refuses_when_the_webhook_is_disabled(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = failed(webhook)
    update(webhook, admin_actor, is_active=False)
    with pytest.raises(ConflictError, match="enable it first"):
        retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert (stored(delivery).run, due(delivery)) == (1, None)


def test_refuses_when_the_webhook_was_deleted(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = failed(webhook)
    delete_webhook(actor=admin_actor, tenant=webhook.tenant, webhook_id=webhook.id)
    with pytest.raises(ConflictError, match="deleted"):
        retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert (stored(delivery).run, due(delivery)) == (1, None)


def test_refuses_when_the_payload_is_gone(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = failed(webhook, payload=None)
    with pytest.raises(ConflictError, match="payload is gone"):
        retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert (stored(delivery).run, due(delivery)) == (1, None)


def test_refuses_when_the_tenant_is_inactive(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = failed(webhook)
    Tenant.objects.filter(id=webhook.tenant_id).update(is_active=False)
    with pytest.raises(TenantInactive):
        retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert (stored(delivery).run, due(delivery)) == (1, None)


def test_does_not_find_another_tenants_delivery(webhook: Webhook, other_tenant: Tenant, admin_actor: Actor) -> None:
    delivery = failed(webhook)
    with pytest.raises(NotFoundError):
        retry_delivery(actor=admin_actor, tenant=other_tenant, delivery_id=delivery.id)
    assert (stored(delivery).run, due(delivery)) == (1, None)


def test_sends_many_again_and_says_why_others_are_not(
    webhook: Webhook, other_tenant: Tenant, admin_actor: Actor
) -> None:
    good, gone, held = failed(webhook), failed(webhook, payload=None), make_delivery(webhook, state="held")
    unknown = uuid7()
    answer = retry_deliveries(
        actor=admin_actor, tenant=webhook.tenant, delivery_ids=[unknown, held.id, gone.id, good.id]
    )
    assert answer.retried == [good.id]
    assert answer.refused == {
        gone.id: "Its payload is gone, by retention: publish the event anew.",
        held.id: "It has not ended yet.",
        unknown: "This tenant has no such delivery.",
    }
    assert [row.delivery_id for row in Due.objects.all()] == [good.id]
    assert deeds() == [("delivery.retried", good.id)]


@pytest.mark.django_db(transaction=True)
def test_begins_one_run_when_several_ask_at_once(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = failed(webhook)

    def retry(_: int) -> None:
        try:
            retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(retry, range(8)))
    assert stored(delivery).run == 2
    assert Due.objects.count() == 1
    assert [verb for verb, _ in deeds()].count("delivery.retried") == 1


@pytest.mark.django_db(transaction=True)
def test_holds_no_lock_on_one_that_was_sent_again_a_moment_ago(webhook: Webhook, admin_actor: Actor) -> None:
    """Engines lock the row of the queue first, then the delivery: whoever waits for the first must not hold the second."""
    delivery = waiting(webhook)
    Delivery.objects.filter(id=delivery.id).update(state="failed")
    is_locked, goes_on = threading.Event(), threading.Event()

    def record_as_an_engine() -> None:
        with transaction.atomic():
            Due.objects.select_for_update().get()
            is_locked.set()
            goes_on.wait(15)
            Delivery.objects.filter(id=delivery.id).update(attempts=2)
        connection.close()

    def retry() -> None:
        try:
            retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        engine = threads.submit(record_as_an_engine)
        assert is_locked.wait(15)
        with transaction.atomic():
            Delivery.objects.filter(id=delivery.id).update(state="retrying")
            retried = threads.submit(retry)
            wait_until(lambda: waiting_for_locks() == 1, "the retry waits for the delivery")
        wait_until(lambda: waiting_for_locks() == 1, "the retry waits for the row of the queue")
        goes_on.set()
        assert (engine.result(15), retried.result(15)) == (None, None)
    assert (stored(delivery).attempts, deeds()) == (2, [("delivery.hastened", delivery.id)])


def test_says_of_a_held_one_that_it_comes_back_by_itself(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = make_delivery(webhook, state="held", attempts=2)
    with pytest.raises(ConflictError, match="on its way back into the queue"):
        retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert (stored(delivery).state, due(delivery), deeds()) == ("held", None, [])
