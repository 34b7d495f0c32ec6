"""Accepting: what is stored, and what is refused before anything is stored."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

import webhooks.queue
from integrations.activity.actor import Actor
from integrations.errors import InvalidInputError
from integrations.isolation.scope import ScopeConflictError, tenant_scope
from integrations.models import Tenant
from integrations.postgresql.base import DatabaseWrapper
from integrations.services.tenants import update_tenant
from tests.webhooks.webhook_steps import update
from webhooks.errors import TenantInactive, WebhookInactive, WebhookNotConfigured
from webhooks.models import Delivery, Due, Event, Payload, Webhook
from webhooks.services import accept
from webhooks.services.accept import Accepted, DeliveryRules, accept_event
from webhooks.services.webhooks import create_webhook, delete_webhook


@pytest.fixture
def webhooks_of_tenant(tenant: Tenant, admin_actor: Actor) -> list[Webhook]:
    return [
        create_webhook(actor=admin_actor, tenant=tenant, workflow_name=name, url="https://example.com/hook")
        for name in ("first", "second")
    ]


def accepted(tenant: Tenant, webhooks: list[Webhook], payload: object = None, **more: Any) -> Accepted:
    return accept_event(tenant=tenant, webhooks=webhooks, payload={"a": 1} if payload is None else payload, **more)


def nothing_is_stored() -> bool:
    return not any(model.objects.exists() for model in (Event, Payload, Delivery, Due))


def test_accept_stores_the_payload_once_and_a_delivery_for_each_webhook(
    tenant: Tenant, webhooks_of_tenant: list[Webhook]
) -> None:
    answer = accepted(
        tenant,
        webhooks_of_tenant,
        {"b": "Zoë", "a": [1, None]},
        event_type="contact.created",
        triggered_by="signup",
        metadata={"k": "ü"},
    )

    event = Event.objects.get()
    assert (event.id, event.tenant_id, event.event_type) == (answer.event_id, tenant.id, "contact.created")
    assert (event.triggered_by, event.metadata) == ("signup", {"k": "ü"})
    payload = Payload.objects.get()
    assert (payload.id, payload.tenant_id, payload.body) == (event.id, tenant.id, '{"b":"Zoë","a":[1,null]}')
    deliveries = Delivery.objects.in_bulk(answer.delivery_ids)
    for webhook, delivery_id in zip(webhooks_of_tenant, answer.delivery_ids, strict=True):
        delivery = deliveries[delivery_id]
        assert (delivery.target_id, delivery.event_id, delivery.state) == (webhook.id, event.id, "pending")
        due = Due.objects.get(delivery_id=delivery_id)
        assert (due.tenant_id, due.target_kind, due.target_id) == (tenant.id, "webhook", webhook.id)
        assert (due.attempt, due.run, due.lease_by, due.retry_schedule) == (0, 1, None, "")
        assert due.due_at == delivery.next_attempt_at


def test_accept_stores_the_callers_own_rules(tenant: Tenant, webhooks_of_tenant: list[Webhook]) -> None:
    accepted(
        tenant,
        webhooks_of_tenant[:1],
        rules=DeliveryRules(max_retries=2, timeout_ms=1500, retry_schedule="quick"),
    )

    for row in (Delivery.objects.get(), Due.objects.get()):
        assert (row.max_retries, row.timeout_ms, row.retry_schedule) == (2, 1500, "quick")


def test_accept_stores_an_event_without_deliveries_when_no_webhook_is_concerned(tenant: Tenant) -> None:
    assert accepted(tenant, []).delivery_ids == ()

    assert Event.objects.count() == Payload.objects.count() == 1
    assert not Due.objects.exists()


@pytest.mark.parametrize("count", [1, 2])
def test_accept_takes_the_same_number_of_statements_for_any_number_of_webhooks(
    tenant: Tenant, webhooks_of_tenant: list[Webhook], count: int
) -> None:
    with CaptureQueriesContext(connection) as queries:
        accepted(tenant, webhooks_of_tenant[:count])

    inside = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"] and "set_config" not in query["sql"]]
    assert len(inside) == 2


def test_accept_is_rolled_back_with_the_callers_transaction(tenant: Tenant, webhooks_of_tenant: list[Webhook]) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        accepted(tenant, webhooks_of_tenant)
        raise ZeroDivisionError

    assert nothing_is_stored()


def test_accept_hints_only_after_the_outermost_commit(
    tenant: Tenant,
    webhooks_of_tenant: list[Webhook],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        accepted(tenant, webhooks_of_tenant)

    assert callbacks == [accept.hint]
    assert accept.hint is webhooks.queue.hint


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ([1], "JSON object"),
        ("text", "JSON object"),
        ({"a": float("nan")}, "not JSON"),
        ({"a": object()}, "not JSON"),
        ({"a": "nul \0 inside"}, "NUL"),
        ({"nul \0": 1}, "NUL"),
        ({"a": "\\\0"}, "NUL"),
        ({"a": "\ud800"}, "surrogate"),
        ({"a": "x" * 262_144}, "bytes"),
    ],
)
def test_accept_refuses_a_payload_that_cannot_be_sent_as_json(
    tenant: Tenant, webhooks_of_tenant: list[Webhook], payload: object, reason: str
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        accepted(tenant, webhooks_of_tenant, payload)

    assert reason in refusal.value.errors["payload"][0]
    assert nothing_is_stored()


def test_accept_refuses_a_payload_that_is_nested_without_end(tenant: Tenant) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    circular: dict[str, Any] = {}
    circular["a"] = circular

    for payload in (deep, circular):
        with pytest.raises(InvalidInputError):
            accepted(tenant, [], payload)
    assert nothing_is_stored()


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "\u0001\u2028", "x" * 262_134])
def test_accept_takes_what_only_looks_dangerous(tenant: Tenant, text: str) -> None:
    event_id = accepted(tenant, [], {"a": text}).event_id

    assert text.replace("\\", "\\\\").replace("\x01", "\\u0001") in Payload.objects.get(id=event_id).body


@pytest.mark.parametrize("keeps_plans", [True, False], ids=["alone", "behind a pooler"])
@pytest.mark.parametrize(
    "text", ['"', "\\", '\\"', '","', "{,}", "NULL", "", "it's", "%s", "a\nb\tc", "Zoë 🦉", "E'\\'"]
)
def test_accept_stores_every_text_as_it_came(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, text: str, keeps_plans: bool
) -> None:
    monkeypatch.setattr(DatabaseWrapper, "plans_are_kept", lambda self: keeps_plans)

    event_id = accepted(tenant, [], {"a": text}, triggered_by=text, metadata={"b": text}).event_id

    event = Event.objects.get(id=event_id)
    assert (event.triggered_by, event.metadata) == (text, {"b": text})
    assert json.loads(Payload.objects.get(id=event_id).body) == {"a": text}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata", [1]),
        ("metadata", {"a": "\0"}),
        ("metadata", {"a": "x" * 17_000}),
        ("triggered_by", "x" * 101),
        ("triggered_by", "a\0b"),
        ("triggered_by", "\udfff"),
        ("triggered_by", 7),
    ],
)
def test_accept_refuses_notes_that_cannot_be_stored(
    tenant: Tenant, webhooks_of_tenant: list[Webhook], field: str, value: object
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        accepted(tenant, webhooks_of_tenant, **{field: value})

    assert list(refusal.value.errors) == [field]
    assert nothing_is_stored()


def test_accept_refuses_a_disabled_webhook_even_when_the_callers_instance_is_old(
    tenant: Tenant, webhooks_of_tenant: list[Webhook], admin_actor: Actor
) -> None:
    update(webhooks_of_tenant[1], admin_actor, is_active=False)
    assert webhooks_of_tenant[1].is_active

    with pytest.raises(WebhookInactive, match="second"):
        accepted(tenant, webhooks_of_tenant)
    assert nothing_is_stored()


def test_accept_refuses_a_webhook_that_is_gone(
    tenant: Tenant, webhooks_of_tenant: list[Webhook], admin_actor: Actor
) -> None:
    delete_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhooks_of_tenant[0].id)

    with pytest.raises(WebhookNotConfigured, match="first"):
        accepted(tenant, webhooks_of_tenant)
    assert nothing_is_stored()


def test_accept_refuses_a_webhook_without_an_address(tenant: Tenant, webhooks_of_tenant: list[Webhook]) -> None:
    webhook = webhooks_of_tenant[0]
    Webhook.objects.filter(id=webhook.id).update(url_host="")
    webhook.url = None
    webhook.save(update_fields=["url"])

    with pytest.raises(WebhookNotConfigured, match="n8n"):
        accepted(tenant, [webhook])
    assert nothing_is_stored()


def test_accept_refuses_an_inactive_tenant(
    tenant: Tenant, webhooks_of_tenant: list[Webhook], admin_actor: Actor
) -> None:
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)

    with pytest.raises(TenantInactive):
        accepted(tenant, webhooks_of_tenant)
    assert nothing_is_stored()


def test_accept_cannot_reach_another_tenants_webhook(
    tenant: Tenant, other_tenant: Tenant, webhooks_of_tenant: list[Webhook]
) -> None:
    with pytest.raises(WebhookNotConfigured):
        accepted(other_tenant, webhooks_of_tenant)
    with pytest.raises(ScopeConflictError), tenant_scope(other_tenant):
        accepted(tenant, webhooks_of_tenant)
    assert nothing_is_stored()


def test_ids_are_time_ordered(tenant: Tenant, webhooks_of_tenant: list[Webhook]) -> None:
    answers = [accepted(tenant, webhooks_of_tenant[:1]) for _ in range(3)]

    ids: list[UUID] = [answer.event_id for answer in answers]
    assert ids == sorted(ids)
