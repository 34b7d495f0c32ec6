"""A program of a customer's: uses the Python API, as told on standard input, one JSON line each.

It stands for a web process: each call is a unit of work of its own, on a connection that is kept and checked. What it
was told is accepted is what must not be lost; a call that failed is tried again under a new id, as a client would.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import django

PAUSE_AFTER_FAILURE = 0.05
GIVE_UP_AFTER = 120.0


def make(slug: str, webhooks: list[dict[str, Any]]) -> list[str]:
    """Make a tenant with webhooks, and return their ids."""
    from integrations.activity.actor import Actor
    from integrations.services.tenants import create_tenant
    from webhooks.services.webhooks import create_webhook

    actor = Actor.system("fault tests")
    tenant = create_tenant(actor=actor, name=slug.title(), slug=slug)
    return [str(create_webhook(actor=actor, tenant=tenant, **fields).id) for fields in webhooks]


def accept(webhooks: list[str], count: int, per_second: float | None, payload: dict[str, Any]) -> dict[str, Any]:
    """Accept `count` deliveries, taking turns, at most so many a second; return ids, refusals and seconds per call."""
    import psycopg
    from django.db import DatabaseError, InterfaceError, close_old_connections

    from webhooks.models import Webhook
    from webhooks.services.calls import call_webhook

    found = Webhook.objects.select_related("tenant").in_bulk(webhooks)
    targets = [next(webhook for key, webhook in found.items() if str(key) == wanted) for wanted in webhooks]
    ids: list[str] = []
    seconds: list[float] = []
    refused = 0
    started = time.monotonic()
    while len(ids) < count:
        if per_second:
            time.sleep(max(0.0, started + len(ids) / per_second - time.monotonic()))
        if time.monotonic() - started > GIVE_UP_AFTER:
            raise SystemExit(f"only {len(ids)} of {count} were accepted")
        close_old_connections()
        asked = time.perf_counter()
        try:
            ids.append(str(call_webhook(targets[len(ids) % len(targets)], {**payload, "n": len(ids)}).delivery_id))
        except (DatabaseError, InterfaceError, psycopg.Error):
            refused += 1
            time.sleep(PAUSE_AFTER_FAILURE)
        else:
            seconds.append(time.perf_counter() - asked)
    return {"ids": ids, "refused": refused, "seconds": sorted(seconds)}


def offer(webhook: str, payload: dict[str, Any]) -> str:
    """Try to have a payload accepted, and return the name of the error that refused it."""
    from integrations.errors import InvalidInputError
    from webhooks.models import Webhook
    from webhooks.services.calls import call_webhook

    try:
        call_webhook(Webhook.objects.select_related("tenant").get(id=webhook), payload)
    except InvalidInputError as error:
        return type(error).__name__
    return ""


def fail(webhook: str, count: int) -> dict[str, Any]:
    """Accept `count` deliveries that count as failed from the start, so that no engine ever sees them."""
    from django.utils import timezone

    from integrations.isolation.scope import tenant_scope
    from webhooks.models import Delivery, DeliveryState, Due, Webhook
    from webhooks.services.accept import Accepted, accept_events
    from webhooks.services.audience import chosen
    from webhooks.services.payloads import new_event

    target = Webhook.objects.select_related("tenant").get(id=webhook)
    ids: list[UUID] = []
    with tenant_scope(target.tenant):
        events = [new_event(payload={"n": number}) for number in range(count)]
        answers = accept_events(tenant=target.tenant, events=events, choose=chosen([target]))
        ids = [id_ for answer in answers if isinstance(answer, Accepted) for id_ in answer.delivery_ids]
        Due.objects.filter(delivery_id__in=ids).delete()
        Delivery.objects.filter(id__in=ids).update(
            state=DeliveryState.FAILED, attempts=1, next_attempt_at=None, finished_at=timezone.now()
        )
    return {"ids": [str(id_) for id_ in ids], "refused": 0, "seconds": []}


def recover(webhook: str) -> str:
    """Start to send again what failed at a webhook within the last hour, and return the recovery's id."""
    from django.utils import timezone

    from integrations.activity.actor import Actor
    from webhooks.models import Webhook
    from webhooks.services.recovering import start_recovery

    target = Webhook.objects.select_related("tenant").get(id=webhook)
    since = timezone.now() - timedelta(hours=1)
    actor = Actor.system("fault tests")
    return str(start_recovery(actor=actor, tenant=target.tenant, webhook_id=target.id, since=since).id)


def receive(webhook: str, provider: str, secret: str) -> str:
    """Let the webhook's tenant be delivered to by an external system, and return the receiver's id."""
    from integrations.activity.actor import Actor
    from webhooks.models import Webhook
    from webhooks.services.receivers import create_receiver

    tenant = Webhook.objects.select_related("tenant").get(id=webhook).tenant
    actor = Actor.system("fault tests")
    receiver = create_receiver(actor=actor, tenant=tenant, provider=provider, secret=secret, name=provider)
    return str(receiver.id)


def message(base_url: str, count: int) -> list[str]:
    """Make a tenant with an account at the tests' own provider of messages, have messages accepted, return their ids."""
    from integrations.activity.actor import Actor
    from integrations.messaging import send_message
    from integrations.providers import registry
    from integrations.services.integration_items import add_integration
    from integrations.services.tenants import create_tenant

    registry.PROVIDERS["carrier"] = "tests.integrations.messaging.carrier.carrier"
    actor = Actor.system("fault tests")
    slug = f"messages-{time.time_ns()}"
    tenant = create_tenant(actor=actor, name=slug, slug=slug)
    values = {"base_url": base_url, "token": "carrier-token-0a1b2c3d4e5f"}
    add_integration(actor=actor, tenant=tenant, provider="carrier", values=values, name="carrier")
    sent = [send_message(tenant, channel="sms", to="+16505551234", text=f"Hello {n}") for n in range(count)]
    return [str(one.id) for one in sent]


def call_back(messages: list[str]) -> int:
    """Say of messages, as their provider does, that they were delivered; return how many that changed."""
    from integrations.messaging.models import Message
    from integrations.messaging.services.statuses import apply_statuses
    from integrations.providers.messaging import MessageState, StatusUpdate

    tenant_id = Message.objects.get(id=messages[0]).tenant_id
    updates = [StatusUpdate(state=MessageState.DELIVERED, message_id=UUID(one)) for one in messages]
    return len(apply_statuses(tenant_id, "carrier", updates))


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed belongs to the log
    django.setup()
    commands: dict[str, Callable[..., Any]] = {
        "make": make,
        "accept": accept,
        "offer": offer,
        "fail": fail,
        "recover": recover,
        "receive": receive,
        "message": message,
        "call_back": call_back,
    }
    from django.db import close_old_connections

    for line in sys.stdin:
        close_old_connections()  # the last test may have restarted PostgreSQL
        command = json.loads(line)
        print(json.dumps(commands[command.pop("do")](**command)), file=answers, flush=True)


if __name__ == "__main__":
    main()
