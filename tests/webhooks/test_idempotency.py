"""Idempotency keys: the same key and content give the first answer, other content a conflict."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.errors import InvalidInputError
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.engine_process import wait_until
from tests.webhooks.sending_steps import NOTHING, make_webhook, row_counts
from tests.webhooks.webhook_steps import update
from webhooks.errors import IdempotencyConflict, WebhookInactive
from webhooks.models import Delivery, Due, Event, IdempotencyKey
from webhooks.services import idempotency
from webhooks.services.broadcast import call_all_tenant_webhooks
from webhooks.services.calls import call_webhook, call_webhook_by_name
from webhooks.services.events import publish_batch, publish_event
from webhooks.tasks import forget_idempotency_keys


@pytest.mark.django_db
def test_expired_keys_are_forgotten_in_batches_and_others_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "BATCH", 2)
    tenant_id = uuid7()
    for number in range(5):
        IdempotencyKey.objects.create(
            tenant_id=tenant_id, key=f"old-{number}", fingerprint="f", expires_at=timezone.now() - timedelta(seconds=1)
        )
    IdempotencyKey.objects.create(
        tenant_id=tenant_id, key="new", fingerprint="f", expires_at=timezone.now() + timedelta(hours=1)
    )

    forget_idempotency_keys()

    assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]


def test_the_same_key_and_content_give_the_first_answer(tenant: Tenant, admin_actor: Actor) -> None:
    webhook = make_webhook(tenant, admin_actor, "one", ["order.*"])
    first = publish_event(tenant, "order.paid", {"a": 1, "b": [2]}, idempotency_key="k", metadata={"x": 1, "y": 2})
    update(webhook, admin_actor, is_active=False)
    make_webhook(tenant, admin_actor, "late", ["order.*"])

    again = publish_event(tenant, "order.paid", {"b": [2], "a": 1}, idempotency_key="k", metadata={"y": 2, "x": 1})

    assert (again.event_id, again.delivery_ids) == (first.event_id, first.delivery_ids)
    assert list(again.results) == ["one"]
    assert (first.is_replay, again.is_replay) == (False, True)
    assert row_counts() == {"Event": 1, "Payload": 1, "Delivery": 1, "Due": 0, "IdempotencyKey": 1}


@pytest.mark.parametrize(
    "other",
    [
        {"payload": {"a": 2}},
        {"payload": {"a": "1"}},
        {"type": "order.lost"},
        {"triggered_by": "somebody"},
        {"metadata": {"k": 1}},
        {"max_retries": 1},
        {"timeout": 2.0},
    ],
)
def test_the_same_key_with_something_else_is_a_conflict(tenant: Tenant, other: dict[str, Any]) -> None:
    given: dict[str, Any] = {"type": "order.paid", "payload": {"a": 1}, "idempotency_key": "k"}
    publish_event(tenant, **given)

    with pytest.raises(IdempotencyConflict, match="k was given before"):
        publish_event(tenant, **(given | other))
    assert row_counts() == NOTHING | {"Event": 1, "Payload": 1, "IdempotencyKey": 1}


def test_the_same_key_on_another_way_in_is_a_conflict(tenant: Tenant, admin_actor: Actor) -> None:
    one, two = (make_webhook(tenant, admin_actor, name) for name in ("one", "two"))
    first = call_webhook(one, {}, idempotency_key="k")

    for way in (
        lambda: call_webhook(two, {}, idempotency_key="k"),
        lambda: call_all_tenant_webhooks(tenant, {}, idempotency_key="k"),
        lambda: publish_event(tenant, "order.paid", {}, idempotency_key="k"),
    ):
        with pytest.raises(IdempotencyConflict):
            way()
    assert call_webhook_by_name(tenant, "one", {}, idempotency_key="k") == first
    assert Event.objects.count() == Delivery.objects.count() == 1


def test_a_key_is_the_tenants_own(tenant: Tenant, other_tenant: Tenant) -> None:
    ids = {publish_event(owner, "a", {}, idempotency_key="k").event_id for owner in (tenant, other_tenant)}

    assert len(ids) == Event.objects.count() == IdempotencyKey.objects.count() == 2


def test_a_refused_event_leaves_its_key_free(tenant: Tenant, admin_actor: Actor) -> None:
    webhook = update(make_webhook(tenant, admin_actor, "one"), admin_actor, is_active=False)
    with pytest.raises(WebhookInactive):
        call_webhook(webhook, {}, idempotency_key="k")
    assert row_counts() == NOTHING

    update(webhook, admin_actor, is_active=True)
    call_webhook(webhook, {"other": 1}, idempotency_key="k")
    assert IdempotencyKey.objects.count() == Due.objects.count() == 1


def test_a_key_counts_for_24_hours_and_is_new_after_that(tenant: Tenant) -> None:
    first = publish_event(tenant, "a", {}, idempotency_key="k")
    key = IdempotencyKey.objects.get()
    assert (key.status_code, key.event_id) == (202, first.event_id)
    assert abs(key.expires_at - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    IdempotencyKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    second = publish_event(tenant, "b", {"other": 1}, idempotency_key="k")

    assert second.event_id != first.event_id
    key = IdempotencyKey.objects.get()
    assert key.event_id == second.event_id
    assert key.expires_at > timezone.now() + timedelta(hours=23)


@pytest.mark.parametrize("key", ["", " ", " k", "k ", "a\nb", "a\0", "ü", "k" * 256, 7, ["k"]])
def test_what_a_header_cannot_carry_is_no_key(tenant: Tenant, key: Any) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        publish_event(tenant, "a", {}, idempotency_key=key)

    assert list(refusal.value.errors) == ["idempotency_key"]
    assert row_counts() == NOTHING


def test_a_key_may_have_255_characters(tenant: Tenant) -> None:
    publish_event(tenant, "a", {}, idempotency_key="~ !" + "k" * 252)

    assert len(IdempotencyKey.objects.get().key) == 255


def test_of_concurrent_duplicates_one_is_stored(transactional_db: None, tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "one", ["*"])
    start = threading.Barrier(8)

    def publish(number: int) -> Any:
        try:
            start.wait(10)
            return publish_event(tenant, "a", {"n": number % 2}, idempotency_key="k").event_id
        except IdempotencyConflict as conflict:
            return conflict
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(publish, range(8)))

    ids = {answer for answer in answers if not isinstance(answer, IdempotencyConflict)}
    assert ids == {Event.objects.get().id}
    assert sum(isinstance(answer, IdempotencyConflict) for answer in answers) == 4
    assert row_counts() == {"Event": 1, "Payload": 1, "Delivery": 1, "Due": 1, "IdempotencyKey": 1}


@pytest.mark.parametrize("commits", [True, False])
def test_a_duplicate_waits_for_the_transaction_that_gave_the_key_first(
    transactional_db: None, tenant: Tenant, commits: bool
) -> None:
    def publish() -> Any:
        try:
            return publish_event(tenant, "a", {}, idempotency_key="k")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first = publish_event(tenant, "a", {}, idempotency_key="k")
            duplicate = pool.submit(publish)
            wait_until(_somebody_waits_for_a_lock, what="the duplicate waits")
            assert not duplicate.done()
            transaction.set_rollback(not commits)
        second = duplicate.result(10)

    assert second.is_replay is commits
    assert (second.event_id == first.event_id) is commits
    assert Event.objects.get().id == second.event_id


def test_batches_with_the_same_keys_in_another_order_do_not_deadlock(transactional_db: None, tenant: Tenant) -> None:
    items = [{"type": "a", "payload": {}, "idempotency_key": f"k{number}"} for number in range(200)]
    start = threading.Barrier(4)

    def publish(number: int) -> list[Any]:
        try:
            start.wait(10)
            return publish_batch(tenant, items if number % 2 else items[::-1])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(publish, range(4)))

    assert Event.objects.count() == 200
    for number, batch in enumerate(answers):
        in_order = batch if number % 2 else batch[::-1]
        assert [answer.event_id for answer in in_order] == [answer.event_id for answer in answers[1]]


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        return cursor.fetchone() is not None
