"""Receivers and their senders, as the tests of `/api/webhooks/in/…` use them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.test import Client

from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.integrations.providers.senders import SENDERS, Sender
from webhooks.models import Event, InboundKey, InboundRequest, Receiver, ReceiverCount
from webhooks.services.receivers import create_receiver


def make(tenant: Tenant, actor: Actor, name: str, **fields: Any) -> tuple[Receiver, Sender]:
    sender = SENDERS[name]
    provider = name.partition("-")[0]
    receiver = create_receiver(
        actor=actor,
        tenant=tenant,
        provider=provider,
        name="billing",
        secret=sender.secret,
        options=sender.options,
        **fields,
    )
    return receiver, sender


def deliver(
    receiver: Receiver,
    sender: Sender,
    *,
    at: datetime | None = None,
    secret: str | None = None,
    body: bytes | None = None,
    sent_body: bytes | None = None,
    content_type: str = "",
    query: str = "",
    **environ: str,
) -> Any:
    """Send what the provider sends, as its servers do: without cookies and with its own idea of Accept.

    `body` is signed and sent; `sent_body` is sent instead of what was signed.
    """
    path = f"/api/webhooks/in/{receiver.id}{query}"
    url = f"https://signalbox.example.com{path}"
    request = sender.request(at=at or datetime.now(UTC), url=url, secret=secret, body=body)
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    kind = headers.pop("HTTP_CONTENT_TYPE")
    client = Client(enforce_csrf_checks=True)
    return client.post(
        path,
        request.body if sent_body is None else sent_body,
        content_type=content_type or kind,
        HTTP_ACCEPT="text/xml",
        **headers,
        **environ,
    )


def counts(receiver: Receiver) -> dict[str, int]:
    return dict(ReceiverCount.objects.filter(receiver=receiver).values_list("outcome", "requests"))


def nothing_came_of_it() -> bool:
    return not (InboundRequest.objects.exists() or Event.objects.exists() or InboundKey.objects.exists())
