"""How long deliveries wait: for the engines, or for something else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.postgres.functions import TransactionNow
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import Tenant
from webhooks.models import Due, Engine, TenantRuntime, Webhook, WebhookRuntime
from webhooks.queue_state import Lag, delivery_lag, queue_state
from webhooks.services.calls import call_webhook
from webhooks.services.webhooks import create_webhook, update_webhook

pytestmark = pytest.mark.django_db
MakeWebhook = Callable[..., Webhook]


@pytest.fixture
def make_webhook(tenant: Tenant, admin_actor: Actor) -> MakeWebhook:
    def make(name: str = "orders", tenant: Tenant = tenant, **fields: object) -> Webhook:
        return create_webhook(
            actor=admin_actor, tenant=tenant, workflow_name=name, url="http://127.0.0.1:9/", event_types=["*"], **fields
        )

    return make


def wait_for(webhook: Webhook, *, seconds: float, times: int = 1) -> None:
    """Put deliveries into the queue that have been due for so long."""
    for _ in range(times):
        delivery_id = call_webhook(webhook, {"order": 1}).delivery_id
        Due.objects.filter(delivery_id=delivery_id).update(due_at=TransactionNow() - timedelta(seconds=seconds))


def rounded(lag: Lag) -> tuple[int, int]:
    return round(lag.oldest_due), round(lag.ready)


def test_nothing_waits_in_an_empty_queue() -> None:
    assert delivery_lag() == Lag(0.0, 0.0)


def test_what_is_due_later_does_not_wait(make_webhook: MakeWebhook) -> None:
    wait_for(make_webhook(), seconds=-60)
    assert delivery_lag() == Lag(0.0, 0.0)


def test_the_oldest_of_all_webhooks_counts(make_webhook: MakeWebhook, other_tenant: Tenant) -> None:
    wait_for(make_webhook(), seconds=10, times=3)
    wait_for(make_webhook("other", tenant=other_tenant), seconds=50)
    wait_for(make_webhook("third"), seconds=20)
    assert rounded(delivery_lag()) == (50, 50)


def open_breaker(webhook: Webhook) -> None:
    WebhookRuntime.objects.update_or_create(
        webhook=webhook, tenant=webhook.tenant, defaults={"breaker_open_until": timezone.now() + timedelta(minutes=5)}
    )


def limit_rate(webhook: Webhook) -> None:
    Webhook.objects.filter(id=webhook.id).update(rate_limit_per_minute=1)
    WebhookRuntime.objects.update_or_create(
        webhook=webhook, tenant=webhook.tenant, defaults={"rate_tokens": -5.0, "rate_refilled_at": timezone.now()}
    )


def lease(webhook: Webhook) -> None:
    """As if as many were on the wire as may be."""
    Webhook.objects.filter(id=webhook.id).update(max_concurrency=1)
    engine = Engine.objects.create(host="here", pid=1)
    delivery_id = call_webhook(webhook, {"order": 1}).delivery_id
    Due.objects.filter(delivery_id=delivery_id).update(lease_by=engine.id, leased_at=timezone.now())


def disable(webhook: Webhook) -> None:
    Webhook.objects.filter(id=webhook.id).update(is_active=False)


def stop_tenant(webhook: Webhook) -> None:
    Tenant.objects.filter(id=webhook.tenant_id).update(is_active=False)


@pytest.mark.parametrize("hold_up", [open_breaker, limit_rate, lease, disable, stop_tenant])
def test_what_something_else_holds_up_is_no_lag_of_the_engines(
    make_webhook: MakeWebhook, other_tenant: Tenant, hold_up: Callable[[Webhook], None]
) -> None:
    held_up = make_webhook()
    wait_for(held_up, seconds=100)
    wait_for(make_webhook("fine", tenant=other_tenant), seconds=7)
    assert rounded(delivery_lag()) == (100, 100)
    hold_up(held_up)
    assert rounded(delivery_lag()) == (100, 7)


def test_a_tenants_own_limit_is_no_lag(make_webhook: MakeWebhook, tenant: Tenant, settings: Settings) -> None:
    wait_for(make_webhook(), seconds=100)
    settings.TENANT_DELIVERIES_PER_MINUTE = 60
    assert rounded(delivery_lag()) == (100, 100)  # its bucket is full
    TenantRuntime.objects.create(tenant_id=tenant.id, rate_tokens=-60.0, rate_refilled_at=timezone.now())
    assert rounded(delivery_lag()) == (100, 0)


def test_leases_of_a_dead_engine_keep_no_place(make_webhook: MakeWebhook) -> None:
    webhook = make_webhook()
    wait_for(webhook, seconds=100)
    lease(webhook)
    assert rounded(delivery_lag()) == (100, 0)
    Engine.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=1))
    assert rounded(delivery_lag()) == (100, 100)


def test_counts_what_waits_is_leased_is_held_and_who_is_alive(make_webhook: MakeWebhook, admin_actor: Actor) -> None:
    webhook, disabled, broken = make_webhook(), make_webhook("disabled"), make_webhook("broken")
    wait_for(webhook, seconds=3, times=2)
    wait_for(disabled, seconds=3, times=3)
    update_webhook(actor=admin_actor, tenant=disabled.tenant, webhook_id=disabled.id, changes={"is_active": False})
    open_breaker(broken)
    lease(webhook)
    Engine.objects.update(in_flight=4)
    state = queue_state()
    assert (state.waiting, state.leased, state.held, state.engines, state.in_flight) == (2, 1, 3, 1, 4)
    assert (state.breakers_open, state.breakers_half_open) == (1, 0)
    WebhookRuntime.objects.update(breaker_open_until=timezone.now() - timedelta(hours=1))
    assert (queue_state().breakers_open, queue_state().breakers_half_open) == (0, 1)


def test_looks_along_the_index_of_what_waits(make_webhook: MakeWebhook) -> None:
    """A million rows of one webhook cost one look: no plan reads the queue from end to end."""
    webhook = make_webhook()
    Due.objects.bulk_create(
        [
            Due(delivery_id=uuid7(), tenant_id=webhook.tenant_id, target_id=webhook.id, event_id=uuid7(), due_at=timezone.now())
            for _ in range(20_000)
        ],
        batch_size=5_000,
    )  # fmt: skip
    from webhooks import queue_state as module

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhooks_due")
        cursor.execute("SET LOCAL enable_seqscan = off")  # as `delivery_lag` does
        cursor.execute(
            f"EXPLAIN (ANALYZE, TIMING OFF) {module._LAG}", {"silent": 20, "tenant_limit": None, "targets": 5_000}
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on webhooks_due" not in plan, plan
    assert "actual rows=20000" not in plan, plan
