"""A webhook with nothing but failures for 5 days is disabled, and one whose endpoint is gone at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import ActivityLog, Tenant
from tests.engine_process import RunningEngine, drain, wait_until
from tests.receiver import Receiver
from tests.webhooks.engine.conftest import MakeWebhook
from tests.webhooks.engine.queue_rows import enqueue
from webhooks.engine.webhook_targets import Targets
from webhooks.models import Delivery, DisabledReason, Due, Webhook, WebhookRuntime
from webhooks.services.calls import call_webhook
from webhooks.services.disabling import disable_by_engine
from webhooks.services.webhooks import update_webhook


def failing_for(webhook: Webhook, **time: float) -> None:
    Targets().look_up([webhook.id])
    since = timezone.now() - timedelta(**time)
    WebhookRuntime.objects.filter(webhook_id=webhook.id).update(failing_since=since)


def stored(webhook: Webhook) -> Webhook:
    return Webhook.objects.get(id=webhook.id)


@pytest.mark.parametrize("status", [500, 404])
def test_is_disabled_after_5_days_and_its_deliveries_are_held(
    engine: RunningEngine, make_webhook: MakeWebhook, receiver: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = make_webhook("failing", retry_schedule="durable")
    receiver.answer("/failing", status=status)
    failing_for(webhook, days=5, seconds=1)
    (waiting,) = enqueue(webhook.tenant_id, webhook.id, due_in=3600)

    call_webhook(webhook, {})
    wait_until(lambda: not stored(webhook).is_active)
    drain()

    now = stored(webhook)
    assert (now.disabled_reason, now.disabled_at is not None, now.version) == ("failing", True, 2)
    assert Delivery.objects.get(id=waiting).state == "held"
    entry = ActivityLog.objects.get(verb="webhook.disabled")
    assert (entry.actor_kind, entry.actor_name, entry.detail, entry.changed_fields) == (
        *("system", "delivery engine", "Nothing but failures for 5 days.", ["is_active"]),
    )
    (line,) = [record for record in caplog.records if "webhook_disabled" in record.getMessage()]
    assert line.levelname == "ERROR"


def test_stays_active_before_that_and_remembers_since_when(
    engine: RunningEngine, make_webhook: MakeWebhook, receiver: Receiver
) -> None:
    webhook = make_webhook("failing")
    receiver.answer("/failing", status=404)
    failing_for(webhook, days=4, hours=23)
    since = WebhookRuntime.objects.get().failing_since

    call_webhook(webhook, {})
    drain()

    assert stored(webhook).is_active
    assert WebhookRuntime.objects.get().failing_since == since


def test_a_success_begins_the_5_days_anew(engine: RunningEngine, webhook: Webhook, receiver: Receiver) -> None:
    failing_for(webhook, days=30)

    call_webhook(webhook, {})
    drain()

    assert stored(webhook).is_active
    assert WebhookRuntime.objects.get().failing_since is None


def test_disabling_as_failing_looks_again(webhook: Webhook, tenant: Tenant) -> None:
    failing_for(webhook, days=1)
    failing = {"tenant_id": tenant.id, "webhook_id": webhook.id, "reason": DisabledReason.FAILING}
    assert not disable_by_engine(**failing)
    assert stored(webhook).is_active

    failing_for(webhook, days=5)
    assert disable_by_engine(**failing)
    assert not disable_by_engine(**failing)
    assert ActivityLog.objects.filter(verb="webhook.disabled").count() == 1


def test_enabling_brings_the_deliveries_back_and_begins_anew(
    webhook: Webhook, tenant: Tenant, admin_actor: object, receiver: Receiver, engine: RunningEngine
) -> None:
    failing_for(webhook, days=6)
    enqueue(webhook.tenant_id, webhook.id, due_in=3600)
    disable_by_engine(tenant_id=tenant.id, webhook_id=webhook.id, reason=DisabledReason.FAILING)
    receiver.answer("/hook", status=500, times=1)

    update_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id, changes={"is_active": True})
    Due.objects.update(due_at=timezone.now())
    drain()

    assert stored(webhook).is_active
    assert Delivery.objects.get().state == "succeeded"
