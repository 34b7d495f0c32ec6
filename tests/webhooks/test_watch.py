"""What alerts are told about webhooks and deliveries: of one tenant in its scope, or of all active ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.alerts.ports import MessageSigning, WebhookWatch
from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from tests.webhooks.delivery_steps import make_delivery
from webhooks.breaker import opened_at, pause_of
from webhooks.message_signing import signing
from webhooks.models import DisabledReason, Due, Webhook, WebhookRuntime
from webhooks.services.webhooks import create_webhook
from webhooks.watch import watch

ACTOR = Actor.system("test")


def make_webhook(tenant: Tenant, name: str = "orders", **fields: Any) -> Webhook:
    webhook = create_webhook(actor=ACTOR, tenant=tenant, workflow_name=name, url="https://hooks.example.com/in")
    Webhook.objects.filter(id=webhook.id).update(**fields)
    return webhook


def overdue(webhook: Webhook, seconds: float, *, lease_by: UUID | None = None) -> None:
    delivery = make_delivery(webhook)
    Due.objects.create(
        delivery_id=delivery.id,
        tenant_id=webhook.tenant_id,
        target_id=webhook.id,
        event_id=delivery.event_id,
        due_at=timezone.now() - timedelta(seconds=seconds),
        lease_by=lease_by,
    )


def runtime(webhook: Webhook, **fields: Any) -> None:
    WebhookRuntime.objects.update_or_create(webhook_id=webhook.id, tenant_id=webhook.tenant_id, defaults=fields)


def lag(tenant: Tenant | None = None) -> int:
    if tenant is None:
        return round(watch.delivery_lag(None).total_seconds())
    with tenant_scope(tenant):
        return round(watch.delivery_lag(tenant.id).total_seconds())


def test_ports_are_fulfilled() -> None:
    assert isinstance(watch, WebhookWatch)
    assert isinstance(signing, MessageSigning)


def test_names_of_active_webhooks(tenant: Tenant, other_tenant: Tenant) -> None:
    mine, off, others = make_webhook(tenant), make_webhook(tenant, "off", is_active=False), make_webhook(other_tenant)
    ids = [mine.id, off.id, others.id, uuid7()]
    assert watch.names(None, ids) == {mine.id: "orders", others.id: "orders"}
    with tenant_scope(tenant):
        assert watch.names(tenant.id, ids) == {mine.id: "orders"}


def test_webhooks_that_the_engine_disabled(tenant: Tenant, other_tenant: Tenant) -> None:
    now = timezone.now()
    off = {"is_active": False, "disabled_at": now}
    gone = make_webhook(tenant, "gone", disabled_reason=DisabledReason.GONE, **off)
    make_webhook(tenant, "manual", disabled_reason=DisabledReason.MANUAL, **off)
    failing = make_webhook(other_tenant, "failing", disabled_reason=DisabledReason.FAILING, **off)
    assert [(row.id, row.tenant_id, row.since, row.reason) for row in watch.auto_disabled(None)] == [
        (gone.id, tenant.id, now, "the endpoint answered 410 Gone"),
        (failing.id, other_tenant.id, now, "nothing but failures for days"),
    ]
    with tenant_scope(tenant):
        assert [row.id for row in watch.auto_disabled(tenant.id)] == [gone.id]
    Tenant.objects.filter(id=other_tenant.id).update(is_active=False)
    assert [row.id for row in watch.auto_disabled(None)] == [gone.id]


def test_breakers_that_have_not_closed(tenant: Tenant) -> None:
    now = timezone.now()
    opened, half_open, closed = (make_webhook(tenant, name) for name in ("opened", "half_open", "closed"))
    runtime(opened, breaker_open_until=now + timedelta(seconds=20), breaker_opened_count=1)
    runtime(half_open, breaker_open_until=now - timedelta(seconds=5), breaker_opened_count=2)
    runtime(closed, consecutive_failures=9)
    found = {row.name: row.since for row in watch.open_breakers(None)}
    assert found == {"opened": now - timedelta(seconds=10), "half_open": now - timedelta(seconds=95)}


@pytest.mark.parametrize("times", [1, 2, 3, 6, 30])
def test_breaker_opened_as_long_ago_as_its_pauses_take(times: int) -> None:
    began = datetime.fromisoformat("2026-11-20T10:00:00Z")
    pauses = sum((pause_of(n) for n in range(1, times + 1)), timedelta(0))
    assert opened_at(began + pauses, times) == began


def test_lag_is_that_of_the_longest_overdue_delivery(tenant: Tenant, other_tenant: Tenant) -> None:
    assert lag() == 0
    first, second, others = make_webhook(tenant, "a"), make_webhook(tenant, "b"), make_webhook(other_tenant)
    for webhook, seconds in ((first, 30), (first, -600), (second, 90), (others, 200)):
        overdue(webhook, seconds)
    assert (lag(), lag(tenant), lag(other_tenant)) == (200, 90, 200)


@pytest.mark.parametrize(
    "why", ["breaker open", "breaker half open", "rate limit", "places taken", "tenant inactive", "in hand", "not due"]
)
def test_what_waits_for_a_reason_of_its_own_is_no_lag(why: str, tenant: Tenant) -> None:
    webhook = make_webhook(tenant)
    now = timezone.now()
    overdue(webhook, -60 if why == "not due" else 300, lease_by=uuid7() if why == "in hand" else None)
    match why:
        case "breaker open":
            runtime(webhook, breaker_open_until=now + timedelta(seconds=20))
        case "breaker half open":
            runtime(webhook, breaker_open_until=now - timedelta(seconds=20))
        case "rate limit":
            Webhook.objects.update(rate_limit_per_minute=1)
        case "places taken":
            Webhook.objects.update(max_concurrency=1)
            overdue(webhook, 1, lease_by=uuid7())
        case "tenant inactive":
            Tenant.objects.update(is_active=False)
    assert lag(tenant) == 0


def test_lag_is_found_by_one_probe_for_each_webhook(tenant: Tenant) -> None:
    for name in ("a", "b"):
        webhook = make_webhook(tenant, name)
        for seconds in range(20):
            overdue(webhook, seconds)
    with CaptureQueriesContext(connection) as captured:
        assert lag(tenant) == 19
    assert sum("RECURSIVE" in query["sql"] for query in captured) == 1
