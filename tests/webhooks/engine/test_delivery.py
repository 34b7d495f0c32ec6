"""From accepting to the recorded call, through a real engine, a real receiver and the real database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from analytics.models import HourlyRollup, WebhookCall
from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Tenant
from integrations.services.tenants import update_tenant
from tests.engine_process import RunningEngine, drain, running_engine, wait_until
from tests.receiver import Receiver
from tests.webhooks.engine.conftest import MakeWebhook
from tests.webhooks.webhook_steps import update
from webhooks.models import Delivery, Due, Payload, Webhook, WebhookStats
from webhooks.services.accept import accept_event
from webhooks.services.calls import call_webhook
from webhooks.services.webhooks import delete_webhook

TOKEN = "bearer-token-0123456789"
KEY = 'key "quoted" 0123456789'


def calls() -> list[WebhookCall]:
    return list(WebhookCall.objects.order_by("attempt", "id"))


def test_a_call_is_delivered_signed_and_recorded(engine: RunningEngine, webhook: Webhook, receiver: Receiver) -> None:
    receiver.answer("/hook", status=201, body={"ok": True})

    accepted = call_webhook(webhook, {"name": "Zoë", "n": 1}, triggered_by="checkout", metadata={"order": 7})
    (request,) = receiver.wait_for(1)
    drain()

    assert request.body == '{"name":"Zoë","n":1}'.encode()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == str(accepted.delivery_id)
    assert request.headers["x-signalbox-workflow"] == "hook"
    assert request.headers["x-signalbox-attempt"] == "1"
    assert request.headers["user-agent"] == "Signalbox"
    assert "x-signalbox-event-type" not in request.headers
    assert "authorization" not in request.headers
    assert Verifier(webhook.signing_secret.reveal()).verify(request.body, dict(request.headers.items()))
    (call,) = calls()
    assert (call.status_code, call.success, call.is_final, call.attempt, call.error_kind) == (201, True, True, 1, "")
    assert json.loads(call.response_body) == {"ok": True}
    assert (call.triggered_by, call.metadata, call.delivery_id) == ("checkout", {"order": 7}, accepted.delivery_id)
    assert (call.workflow_name, call.event_type, str(call.event_id)) == (
        "hook",
        "",
        request.headers["x-signalbox-event-id"],
    )
    assert call.first_byte_ms is not None
    assert call.response_time_ms >= call.first_byte_ms
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.last_status_code) == ("succeeded", 1, 201)
    assert delivery.finished_at is not None
    stats = WebhookStats.objects.get()
    assert (stats.total_calls, stats.successful_calls, stats.failed_calls, stats.attempts) == (1, 1, 0, 1)
    assert HourlyRollup.objects.get(target_id=call.target_id).calls == 1


def test_credentials_are_sent_and_never_stored(
    engine: RunningEngine, make_webhook: MakeWebhook, receiver: Receiver
) -> None:
    webhook = make_webhook("secretive", auth_token=TOKEN, headers={"X-Key": KEY, "User-Agent": "Custom-Agent-01234"})
    receiver.answer("/secretive", body=json.dumps({"you": TOKEN, "key": KEY, "path": "/secretive"}))

    call_webhook(webhook, {})
    (request,) = receiver.wait_for(1)
    drain()

    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["x-key"] == KEY
    assert request.headers.get_all("user-agent") == ["Custom-Agent-01234"]
    (call,) = calls()
    assert json.loads(call.response_body) == {"you": "***", "key": "***", "path": "***"}
    assert call.request_headers["Authorization"] == "Bearer ***"
    assert call.request_headers["X-Key"] == call.request_headers["User-Agent"] == "***"
    assert call.request_headers["webhook-id"] == str(call.delivery_id)


def test_an_event_in_the_standard_format_carries_type_time_and_data(
    engine: RunningEngine, make_webhook: MakeWebhook, receiver: Receiver, tenant: Tenant
) -> None:
    webhook = make_webhook("enveloped", payload_format="standard")

    accept_event(tenant=tenant, webhooks=[webhook], payload={"b": 1, "a": "ü"}, event_type="contact.created")
    (request,) = receiver.wait_for(1)
    drain()

    assert request.headers["x-signalbox-event-type"] == "contact.created"
    assert request.json()["type"] == "contact.created"
    assert request.body.endswith('"data":{"b":1,"a":"ü"}}'.encode())
    assert Verifier(webhook.signing_secret.reveal()).verify(request.body, dict(request.headers.items()))
    assert calls()[0].event_type == "contact.created"


def test_a_failing_endpoint_is_tried_again_with_the_same_id_until_it_answers(
    engine: RunningEngine, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answer("/hook", status=503, body="later", times=1)

    call_webhook(webhook, {"a": 1})
    first, second = receiver.wait_for(2)
    drain()

    assert second.at - first.at >= 1.0
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [request.headers["x-signalbox-attempt"] for request in (first, second)] == ["1", "2"]
    failed, succeeded = calls()
    assert (failed.status_code, failed.is_final, failed.error_kind, failed.response_body) == (
        503,
        False,
        "status",
        "later",
    )
    assert failed.error_message == "The endpoint answered 503 Service Unavailable."
    assert (succeeded.status_code, succeeded.is_final, succeeded.success) == (200, True, True)
    stats = WebhookStats.objects.get()
    assert (stats.total_calls, stats.successful_calls, stats.attempts) == (1, 1, 2)


@pytest.mark.parametrize(
    ("how", "kind", "status"),
    [
        ({"status": 404, "body": "no"}, "status", 404),
        ({"status": 302, "headers": {"Location": "/elsewhere"}}, "status", 302),
        ({"delay": 5}, "timeout", None),
        ({"reset": True}, "connect", None),
        ({"raw": b"nonsense\r\n\r\n"}, "protocol", None),
    ],
)
def test_a_delivery_that_failed_for_good_says_why(
    engine: RunningEngine, webhook: Webhook, receiver: Receiver, how: dict[str, Any], kind: str, status: int | None
) -> None:
    receiver.answer("/hook", **how)

    call_webhook(webhook, {}, max_retries=0, timeout=1)
    drain()

    (call,) = calls()
    assert (call.error_kind, call.status_code, call.success, call.is_final) == (kind, status, False, True)
    assert call.error_message
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_error) == ("failed", call.error_message)
    assert [request.path for request in receiver.requests] == ["/hook"]
    assert WebhookStats.objects.get().failed_calls == 1


def test_410_disables_the_webhook_and_holds_what_waits(
    engine: RunningEngine, webhook: Webhook, receiver: Receiver, admin_actor: Actor
) -> None:
    receiver.answer("/hook", status=500, times=1)
    receiver.answer("/hook", status=410, times=1)
    waiting = call_webhook(webhook, {"n": 1})
    wait_until(lambda: Delivery.objects.get(id=waiting.delivery_id).state == "retrying")
    gone = call_webhook(webhook, {"n": 2})
    wait_until(lambda: not Webhook.objects.get().is_active)
    drain()

    disabled = Webhook.objects.get()
    assert (disabled.disabled_reason, disabled.disabled_at is not None, disabled.version) == ("gone", True, 2)
    assert Delivery.objects.get(id=gone.delivery_id).state == "failed"
    assert Delivery.objects.get(id=waiting.delivery_id).state == "held"
    entry = ActivityLog.objects.get(verb="webhook.disabled")
    assert (entry.actor_name, "410" in entry.detail) == ("delivery engine", True)

    update(webhook, admin_actor, is_active=True)
    drain()
    assert Delivery.objects.get(id=waiting.delivery_id).state == "succeeded"


def test_what_was_accepted_before_the_webhook_was_disabled_is_held_and_comes_back(
    webhook: Webhook, receiver: Receiver, admin_actor: Actor
) -> None:
    accepted = call_webhook(webhook, {})
    Webhook.objects.filter(id=webhook.id).update(is_active=False)
    with running_engine():
        wait_until(lambda: Delivery.objects.get().state == "held")
        assert not Due.objects.exists()
        update(webhook, admin_actor, is_active=True)
        receiver.wait_for(1)
        drain()

    assert receiver.requests[0].headers["webhook-id"] == str(accepted.delivery_id)
    assert len(calls()) == 1


def test_an_inactive_tenants_deliveries_wait_and_come_back(
    engine: RunningEngine,
    make_webhook: MakeWebhook,
    receiver: Receiver,
    tenant: Tenant,
    other_tenant: Tenant,
    admin_actor: Actor,
) -> None:
    receiver.answer("/hook", status=500, times=1)
    call_webhook(make_webhook("hook"), {})
    wait_until(lambda: Delivery.objects.get().state == "retrying")

    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)
    Due.objects.update(due_at="2020-01-01T00:00:00Z")
    for number in (1, 2):  # what the engine does for another tenant shows that it looked at the queue
        call_webhook(make_webhook(f"other-{number}", of=other_tenant), {})
        receiver.wait_for(1, path=f"/other-{number}")
    assert len(receiver.to("/hook")) == 1
    update_tenant(actor=admin_actor, tenant=tenant, is_active=True)
    drain()

    assert len(receiver.to("/hook")) == 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {"succeeded"}


def test_a_deleted_webhooks_delivery_is_cancelled_and_its_attempt_kept(
    engine: RunningEngine, webhook: Webhook, receiver: Receiver, admin_actor: Actor, tenant: Tenant
) -> None:
    receiver.answer("/hook", delay=1)
    call_webhook(webhook, {})
    receiver.wait_for(1)

    delete_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)
    (call,) = wait_until(calls)

    assert Delivery.objects.get().state == "cancelled"
    assert (call.success, call.is_final) == (True, False)
    assert not WebhookStats.objects.exists()


def test_a_delivery_whose_webhook_vanished_before_it_was_sent_is_cancelled(webhook: Webhook) -> None:
    call_webhook(webhook, {})
    Webhook.objects.all().delete()
    with running_engine():
        drain()

    assert Delivery.objects.get().state == "cancelled"
    assert calls() == []


def test_a_delivery_whose_payload_is_gone_fails_and_says_so(webhook: Webhook) -> None:
    call_webhook(webhook, {})
    Payload.objects.all().delete()
    with running_engine():
        drain()

    (call,) = calls()
    assert (call.error_kind, call.error_message) == (
        "configuration",
        "The payload is not stored any more, or was redacted.",
    )
    assert Delivery.objects.get().state == "failed"


def test_an_answer_full_of_nul_bytes_is_recorded(engine: RunningEngine, webhook: Webhook, receiver: Receiver) -> None:
    receiver.answer("/hook", body=b"a\0b\xed\xa0\x80" + b"\0" * 100_000)

    call_webhook(webhook, {})
    drain()

    (call,) = calls()
    assert call.response_body.startswith("a\N{REPLACEMENT CHARACTER}b")
    assert len(call.response_body.encode()) <= 16 * 1024
    assert len(receiver.requests) == 1


def test_a_webhook_never_has_more_requests_in_flight_than_its_concurrency(
    engine: RunningEngine, make_webhook: MakeWebhook, receiver: Receiver
) -> None:
    hanging, healthy = make_webhook("hanging", max_concurrency=2), make_webhook("healthy")
    receiver.answer("/hanging", delay=1.0)
    for number in range(5):
        call_webhook(hanging, {"n": number})
    receiver.wait_for(2, path="/hanging")

    for number in range(5):
        call_webhook(healthy, {"n": number})
    wait_until(lambda: WebhookStats.objects.filter(webhook_id=healthy.id, total_calls=5))

    assert len(receiver.to("/hanging")) == 2
    drain()
    assert len(receiver.to("/hanging")) == 5
