"""`POST …/webhooks/{webhook}/test`: what it answers. That the engine delivers is told elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import WebhookCall
from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Tenant
from tests.webhooks.webhook_steps import update
from webhooks.models import Delivery, Due, Payload, Webhook
from webhooks.services import calls

TEST = "/api/platform/tenants/acme/webhooks/contact_form/test"

pytestmark = pytest.mark.django_db(transaction=True)


def finish_next_delivery(*, state: str, **call: Any) -> Callable[[], None]:
    """Record an outcome for the delivery that a test call accepts, as an engine does; return how to wait for that."""

    def record() -> None:
        try:
            while (delivery := Delivery.objects.filter(state="pending").first()) is None:
                connection.close()
            WebhookCall.objects.create(
                **{"tenant_id": delivery.tenant_id, "target_id": delivery.target_id, "delivery_id": delivery.id},
                **{"event_id": delivery.event_id, "workflow_name": "contact_form", "attempt": 2, "is_final": True},
                **{"triggered_by": "test", "timestamp": timezone.now(), **call},
            )
            Due.objects.all().delete()
            Delivery.objects.filter(id=delivery.id).update(state=state, attempts=2, finished_at=timezone.now())
        finally:
            connection.close()

    thread = threading.Thread(target=record)
    thread.start()
    return thread.join


def test_answers_what_the_endpoint_said(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    wait = finish_next_delivery(
        state="succeeded", success=True, status_code=200, response_time_ms=48, response_body='{"ok":true}'
    )
    answer = api.post(TEST, {"payload": {"lead": "Ada"}})
    wait()
    delivery = Delivery.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "status_code": 200,
        "response_time_ms": 48,
        "response_body": '{"ok":true}',
        "error_message": "",
        "attempts": 2,
        "delivery_id": str(delivery.id),
    }
    assert (Payload.objects.get().body, delivery.retry_schedule) == ('{"lead":"Ada"}', "quick")
    entry = ActivityLog.objects.get(verb="webhook.tested")
    assert (entry.object_id, entry.actor_name) == (webhook.id, "ada")


def test_answers_200_when_the_endpoint_failed(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    wait = finish_next_delivery(
        state="failed",
        success=False,
        status_code=500,
        response_time_ms=7,
        response_body="broken",
        error_kind="status",
        error_message="answered 500",
    )
    answer = api.post(TEST)
    wait()
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["success"], shown["status_code"], shown["error_message"]) == (False, 500, "answered 500")


def test_answers_202_when_the_wait_runs_out(
    api: APIClient, tenant: Tenant, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "DEFAULT_WAIT_SECONDS", 0.05)
    answer = api.post(TEST, {})
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["success"], shown["delivery_id"]) == (None, str(Delivery.objects.get().id))
    assert Due.objects.count() == 1


def test_answers_409_when_the_webhook_is_disabled(
    api: APIClient, tenant: Tenant, webhook: Webhook, admin_actor: Actor
) -> None:
    update(webhook, admin_actor, is_active=False)
    answer = api.post(TEST, {})
    assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")
    assert (Delivery.objects.count(), Due.objects.count()) == (0, 0)
    assert not ActivityLog.objects.filter(verb="webhook.tested").exists()


def test_answers_409_when_nothing_is_left_to_derive_the_address_from(
    api: APIClient, tenant: Tenant, webhook: Webhook
) -> None:
    stored = Webhook.objects.get(id=webhook.id)
    stored.url = None
    stored.save()
    assert api.post(TEST, {}).status_code == 409
    assert Delivery.objects.count() == 0
