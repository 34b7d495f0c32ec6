"""Calling webhooks from Python. What an engine does with the deliveries is told in `engine/`."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from analytics.models import WebhookCall
from config import gunicorn_conf
from integrations.activity.actor import Actor
from integrations.errors import InvalidInputError
from integrations.models import ActivityLog, Tenant
from tests.engine_process import running_engine
from tests.receiver import Receiver
from tests.webhooks.webhook_steps import update
from webhooks.errors import WebhookInactive, WebhookNotConfigured
from webhooks.models import Delivery, Due, Event, Payload, Webhook
from webhooks.services import calls, waiting
from webhooks.services.calls import WebhookCallResult, call_webhook, call_webhook_by_name
from webhooks.services.webhooks import create_webhook


@pytest.fixture
def receiving(transactional_db: None, tenant: Tenant, admin_actor: Actor, receiver: Receiver) -> Webhook:
    return create_webhook(actor=admin_actor, tenant=tenant, workflow_name="receiving", url=receiver.url("/receiving"))


def finish(delivery: Delivery, *, state: str, **call: Any) -> None:
    """Write what an engine writes when a delivery ends."""
    WebhookCall.objects.create(
        **{"tenant_id": delivery.tenant_id, "target_id": delivery.target_id, "delivery_id": delivery.id},
        **{"event_id": delivery.event_id, "workflow_name": "x", "attempt": 1, "is_final": True},
        **{"success": state == "succeeded", "response_time_ms": 7, "timestamp": timezone.now(), **call},
    )
    Delivery.objects.filter(id=delivery.id).update(state=state, attempts=1)


def test_a_call_is_durable_by_default_and_returns_at_once(webhook: Webhook) -> None:
    result = call_webhook(webhook, {"a": 1}, triggered_by="job", metadata={"k": 1}, max_retries=2, timeout=1.5)

    delivery = Delivery.objects.get()
    assert result == WebhookCallResult(delivery_id=delivery.id, success=None, attempts=0)
    assert (delivery.retry_schedule, delivery.max_retries, delivery.timeout_ms) == ("", 2, 1500)
    event = Event.objects.get()
    assert (event.event_type, event.triggered_by, event.metadata) == ("", "job", {"k": 1})


def test_a_call_by_name_finds_the_tenants_own_webhook(webhook: Webhook, tenant: Tenant, other_tenant: Tenant) -> None:
    assert call_webhook_by_name(tenant, "contact_form", {}).success is None
    assert Delivery.objects.get().target_id == webhook.id

    for stranger, name in ((other_tenant, "contact_form"), (tenant, "unknown")):
        with pytest.raises(WebhookNotConfigured, match=name):
            call_webhook_by_name(stranger, name, {})
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_retries", -1),
        ("max_retries", 21),
        ("timeout", 0.5),
        ("timeout", 60.5),
        ("timeout", float("nan")),
        ("wait_seconds", 0),
        ("wait_seconds", 61),
        ("metadata", "text"),
        ("triggered_by", "x" * 101),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_call_with_a_wrong_option_is_refused(webhook: Webhook, option: str, value: Any) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        call_webhook(webhook, {}, wait=True, **{option: value})

    assert list(refusal.value.errors) == [option]
    assert not Event.objects.exists()


def test_waiting_inside_a_transaction_is_refused_before_anything_is_stored(
    webhook: Webhook, admin_actor: Actor
) -> None:
    with transaction.atomic():
        with pytest.raises(TransactionManagementError, match="wait=False"):
            call_webhook(webhook, {}, wait=True)
        with pytest.raises(TransactionManagementError, match="wait=False"):
            calls.test_webhook(webhook, actor=admin_actor)

    assert not Event.objects.exists()


def test_a_disabled_webhook_is_neither_called_nor_tested(receiving: Webhook, admin_actor: Actor) -> None:
    disabled = update(receiving, admin_actor, is_active=False)

    for call in (
        lambda: call_webhook(disabled, {}),
        lambda: call_webhook(disabled, {}, wait=True),
        lambda: calls.test_webhook(disabled, actor=admin_actor),
    ):
        with pytest.raises(WebhookInactive):
            call()
    assert not Event.objects.exists()
    assert not ActivityLog.objects.filter(verb="webhook.tested").exists()


def test_waiting_returns_what_the_endpoint_answered(receiving: Webhook, receiver: Receiver) -> None:
    receiver.answer("/receiving", status=201, body='{"id":7}')

    with running_engine():
        result = call_webhook(receiving, {"a": 1}, wait=True)

    assert (result.success, result.status_code, result.attempts) == (True, 201, 1)
    assert (result.response_body, result.error_message) == ('{"id":7}', "")
    assert result.response_time_ms is not None
    assert Delivery.objects.get(id=result.delivery_id).retry_schedule == "quick"


def test_waiting_returns_the_failure_when_the_retries_are_over(receiving: Webhook, receiver: Receiver) -> None:
    receiver.answer("/receiving", status=500, body="broken")

    with running_engine():
        result = call_webhook(receiving, {}, wait=True, max_retries=1)

    assert (result.success, result.status_code, result.attempts) == (False, 500, 2)
    assert (result.response_body, result.error_message) == (
        "broken",
        "The endpoint answered 500 Internal Server Error.",
    )


def test_waiting_ends_when_the_seconds_run_out_and_the_delivery_goes_on(receiving: Webhook) -> None:
    started = time.monotonic()

    result = call_webhook(receiving, {}, wait=True, wait_seconds=0.3)

    assert 0.3 <= time.monotonic() - started < 3
    assert (result.success, result.attempts) == (None, 0)
    assert Due.objects.filter(delivery_id=result.delivery_id).exists()


@pytest.mark.parametrize(
    ("state", "success"), [("succeeded", True), ("failed", False), ("cancelled", False), ("unknown", False)]
)
def test_waiting_ends_with_every_final_state(receiving: Webhook, state: str, success: bool) -> None:
    def end() -> None:
        try:
            while (delivery := Delivery.objects.first()) is None:
                time.sleep(0.01)
            finish(delivery, state=state, error_message="" if success else "why")
        finally:
            connection.close()

    ending = threading.Thread(target=end)
    ending.start()
    result = call_webhook(receiving, {}, wait=True)
    ending.join()

    assert (result.success, result.response_time_ms, result.error_message) == (success, 7, "" if success else "why")


def test_waiting_takes_at_most_half_of_the_web_threads(receiving: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gunicorn_conf.threads // 2 == waiting.MAX_WAITING
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    assert waiting._places.acquire(blocking=False)
    started = time.monotonic()

    result = call_webhook(receiving, {}, wait=True, wait_seconds=30)

    assert time.monotonic() - started < 5
    assert result.success is None
    waiting._places.release()
    assert call_webhook(receiving, {}, wait=True, wait_seconds=0.05).success is None
    assert waiting._places.acquire(blocking=False), "the place was not given back"


def test_a_test_call_waits_and_is_on_record(receiving: Webhook, receiver: Receiver, admin_actor: Actor) -> None:
    with running_engine():
        result = calls.test_webhook(receiving, actor=admin_actor)

    assert (result.success, result.status_code) == (True, 200)
    (request,) = receiver.requests
    assert request.json()["test"] is True
    assert request.json()["workflow_name"] == "receiving"
    assert WebhookCall.objects.get().triggered_by == "test"
    entry = ActivityLog.objects.get(verb="webhook.tested")
    assert (entry.object_id, entry.actor_name) == (receiving.id, "ada")


def test_a_test_call_sends_the_callers_payload(receiving: Webhook, admin_actor: Actor, monkeypatch: Any) -> None:
    monkeypatch.setattr(calls, "DEFAULT_WAIT_SECONDS", 0.01)

    calls.test_webhook(receiving, actor=admin_actor, payload={"mine": 1})

    assert Payload.objects.get().body == '{"mine":1}'
