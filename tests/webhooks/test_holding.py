"""What becomes of waiting deliveries when their webhook is disabled, enabled or deleted."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.errors import ConflictError
from integrations.ids import uuid7, uuid7_floor
from integrations.models import Tenant
from tests.webhooks.webhook_steps import URL, update
from webhooks.models import Delivery, Due, Event, Webhook
from webhooks.services.holding import expire_held
from webhooks.services.webhooks import create_webhook, delete_webhook

LATER = datetime(2100, 1, 1, tzinfo=UTC)


def waiting(webhook: Webhook, *, lease_by: UUID | None = None, **due: Any) -> Delivery:
    """Store a delivery that waits in the queue."""
    event = Event.objects.create(tenant_id=webhook.tenant_id)
    of_both = {"tenant_id": webhook.tenant_id, "target_id": webhook.id, "event_id": event.id}
    own = {name: due.pop(name) for name in ("max_retries", "timeout_ms", "retry_schedule", "run") if name in due}
    delivery = Delivery.objects.create(**of_both, **own)
    Due.objects.create(delivery_id=delivery.id, **of_both, **own, **{"due_at": LATER, "lease_by": lease_by, **due})
    return delivery


def held(webhook: Webhook, *, age: timedelta = timedelta(0), **fields: Any) -> Delivery:
    """Store a delivery that was accepted `age` ago and is held."""
    accepted = timezone.now() - age
    identifier = UUID(int=uuid7_floor(accepted).int | (uuid7().int & 0xFFFF_FFFF_FFFF))
    return Delivery.objects.create(
        id=identifier, tenant_id=webhook.tenant_id, target_id=webhook.id, event_id=uuid7(), state="held", **fields
    )


def state(delivery: Delivery) -> str:
    return Delivery.objects.values_list("state", flat=True).get(id=delivery.id)


@pytest.fixture
def other_webhook(tenant: Tenant, admin_actor: Actor) -> Webhook:
    return create_webhook(actor=admin_actor, tenant=tenant, workflow_name="other", url=URL)


def test_holds_what_waits_when_disabled(webhook: Webhook, other_webhook: Webhook, admin_actor: Actor) -> None:
    first, second, of_other = waiting(webhook), waiting(webhook, attempt=2), waiting(other_webhook)
    update(webhook, admin_actor, is_active=False)
    assert [state(first), state(second), state(of_other)] == ["held", "held", "pending"]
    assert list(Due.objects.values_list("delivery_id", flat=True)) == [of_other.id]
    stored = Delivery.objects.get(id=second.id)
    assert (stored.attempts, stored.next_attempt_at, stored.finished_at) == (2, LATER, None)


def test_leaves_what_is_on_the_wire_when_disabled(webhook: Webhook, admin_actor: Actor) -> None:
    leased = waiting(webhook, lease_by=uuid7())
    update(webhook, admin_actor, is_active=False)
    assert state(leased) == "pending"
    assert Due.objects.filter(delivery_id=leased.id).exists()


def test_brings_back_the_same_row_of_the_queue_when_enabled(webhook: Webhook, admin_actor: Actor) -> None:
    fresh = waiting(webhook)
    tried = waiting(webhook, attempt=2, run=3, max_retries=5, timeout_ms=1500, retry_schedule="quick")
    before = {row["delivery_id"]: row for row in Due.objects.values()}
    update(webhook, admin_actor, is_active=False)
    assert Due.objects.count() == 0
    update(webhook, admin_actor, is_active=True)
    assert {row["delivery_id"]: row for row in Due.objects.values()} == before
    assert [state(fresh), state(tried)] == ["pending", "retrying"]


def test_is_due_at_once_when_its_time_passed_while_it_was_held(webhook: Webhook, admin_actor: Actor) -> None:
    past = timezone.now() - timedelta(hours=3)
    with_time, without_time = waiting(webhook, due_at=past), held(webhook)
    update(webhook, admin_actor, is_active=False)
    before = timezone.now()
    update(webhook, admin_actor, is_active=True)
    times = dict(Due.objects.values_list("delivery_id", "due_at"))
    assert before <= times[with_time.id] <= timezone.now()
    assert before <= times[without_time.id] <= timezone.now()


def disabled_for(webhook: Webhook, **time: float) -> None:
    Webhook.objects.filter(id=webhook.id).update(disabled_at=timezone.now() - timedelta(**time))


def test_brings_back_what_was_held_for_less_than_7_days_however_old_it_is(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)
    old = held(webhook, age=timedelta(days=20))
    disabled_for(webhook, days=6, hours=23)
    update(webhook, admin_actor, is_active=True)
    assert state(old) == "pending"
    assert Due.objects.get().delivery_id == old.id


def test_expires_what_was_held_for_7_days_when_enabled(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)
    delivery = held(webhook, age=timedelta(days=7))
    disabled_for(webhook, days=7)
    update(webhook, admin_actor, is_active=True)
    assert state(delivery) == "failed"
    assert not Due.objects.exists()
    stored = Delivery.objects.get(id=delivery.id)
    assert stored.last_error == "expired: the webhook was disabled for 7 days"
    assert stored.finished_at is not None


def test_sweep_expires_only_what_was_held_for_7_days(
    webhook: Webhook, other_webhook: Webhook, admin_actor: Actor
) -> None:
    for each in (webhook, other_webhook):
        update(each, admin_actor, is_active=False)
    old, young = held(webhook, age=timedelta(days=8)), held(other_webhook, age=timedelta(days=8))
    disabled_for(webhook, days=7, seconds=1)
    disabled_for(other_webhook, days=6, hours=23)

    assert expire_held() == 1

    assert [state(old), state(young)] == ["failed", "held"]
    stored = Delivery.objects.get(id=old.id)
    assert (stored.last_error, stored.next_attempt_at) == ("expired: the webhook was disabled for 7 days", None)
    assert stored.finished_at is not None
    assert expire_held() == 0


def test_cancels_everything_unfinished_when_deleted(
    tenant: Tenant, webhook: Webhook, other_webhook: Webhook, admin_actor: Actor
) -> None:
    unfinished = [waiting(webhook), waiting(webhook, attempt=1, lease_by=uuid7())]
    of_other = waiting(other_webhook)
    done = Delivery.objects.create(
        tenant_id=tenant.id, target_id=webhook.id, event_id=uuid7(), state="succeeded", attempts=1
    )
    delete_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)
    assert [state(delivery) for delivery in (*unfinished, of_other, done)] == [
        *("cancelled", "cancelled", "pending", "succeeded"),
    ]
    assert list(Due.objects.values_list("delivery_id", flat=True)) == [of_other.id]
    assert Delivery.objects.get(id=unfinished[1].id).attempts == 1
    assert Delivery.objects.get(id=unfinished[0].id).finished_at is not None


def test_cancels_what_is_held_when_deleted(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    delivery = waiting(webhook)
    update(webhook, admin_actor, is_active=False)
    delete_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)
    assert (state(delivery), Due.objects.count()) == ("cancelled", 0)


# --- Side by side ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_skips_rows_that_an_engine_leases_at_the_same_moment(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = waiting(webhook)
    claimed = threading.Event()

    def claim() -> None:
        try:
            with transaction.atomic():
                Due.objects.filter(delivery_id=delivery.id).update(lease_by=uuid7())
                claimed.set()
                _wait_until_somebody_waits_for_a_lock()
        finally:
            claimed.set()
            connection.close()

    engine = threading.Thread(target=claim)
    engine.start()
    claimed.wait(10)
    update(webhook, admin_actor, is_active=False)
    engine.join()
    assert state(delivery) == "pending"
    assert Due.objects.get(delivery_id=delivery.id).lease_by is not None


@pytest.mark.django_db(transaction=True)
def test_gives_a_name_to_one_webhook_when_many_ask_for_it(tenant: Tenant, admin_actor: Actor) -> None:
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def create() -> None:
        try:
            start.wait(10)
            create_webhook(actor=admin_actor, tenant=tenant, workflow_name="wanted", url=URL)
            outcomes.append("made")
        except ConflictError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused", "refused", "refused"]
    assert Webhook.objects.filter(workflow_name="wanted").count() == 1


@pytest.mark.django_db(transaction=True)
def test_loses_no_edit_when_many_change_one_webhook(webhook: Webhook, admin_actor: Actor) -> None:
    changes: list[dict[str, Any]] = [
        {"description": "x"},
        {"timeout_ms": 2000},
        {"max_retries": 1},
        {"is_active": False},
    ]
    start = threading.Barrier(len(changes))

    def change(values: dict[str, Any]) -> None:
        try:
            start.wait(10)
            update(webhook, admin_actor, **values)
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=(values,)) for values in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = Webhook.objects.get(id=webhook.id)
    assert (stored.description, stored.timeout_ms, stored.max_retries, stored.is_active) == ("x", 2000, 1, False)
    assert stored.version == 5


def _wait_until_somebody_waits_for_a_lock() -> None:
    """Return when another connection to this database waits for a lock."""
    deadline = timezone.now() + timedelta(seconds=10)
    while timezone.now() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waited for the lock")
