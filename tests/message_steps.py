"""Steps of the tests of messages, in whichever room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.activity.actor import Actor
from integrations.messaging import send_message
from integrations.messaging.models import Message
from integrations.models import Integration, Tenant
from integrations.services.integration_items import add_integration
from tests.integrations.messaging.carrier import TOKEN

TO = "+16505551234"
Send = Callable[..., Message]


def connect(tenant: Tenant, base_url: str = "https://carrier.example.com", **more: Any) -> Integration:
    """Give a tenant an account at the carrier."""
    values = {"base_url": base_url, "token": TOKEN}
    return add_integration(
        actor=Actor.system("test"), tenant=tenant, provider="carrier", values=values, **{"name": "Carrier", **more}
    )


def send(tenant: Tenant, text: str = "Your code is 271828", **more: Any) -> Message:
    return send_message(tenant, channel="sms", to=TO, text=text, **more)


def now(message: Message) -> Message:
    """Return the message as it is stored now."""
    return Message.objects.get(id=message.id)
