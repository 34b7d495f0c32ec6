"""From Twilio and back: a message that is sent there, and the callbacks that say what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client

from integrations.activity.actor import Actor
from integrations.messaging import send_message
from integrations.messaging.models import Message
from integrations.models import Tenant
from integrations.providers.twilio import connection as twilio_connection
from integrations.services.integration_items import add_integration
from tests.engine_process import drain, running_engine, wait_until
from tests.integrations.providers.senders import SENDERS
from tests.message_steps import now
from tests.receiver import Receiver
from tests.webhooks.api.inbound_steps import make
from webhooks.models import Event, InboundRequest
from webhooks.models import Receiver as ReceiverRow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_address")]
ACCOUNT = "AC" + "0a1b2c3d" * 4
SID = "SM" + "0123456789abcdef" * 2
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> Receiver:
    monkeypatch.setattr(twilio_connection, "BASE", receiver.url("/2010-04-01"))
    receiver.answer(PATH, status=201, body={"sid": SID, "status": "queued", "price": None, "price_unit": "USD"})
    return receiver


@pytest.fixture
def callbacks(tenant: Tenant, admin_actor: Actor) -> ReceiverRow:
    receiver, _ = make(tenant, admin_actor, "twilio")
    return receiver


@pytest.fixture
def message(tenant: Tenant, admin_actor: Actor, provider: Receiver, callbacks: ReceiverRow) -> Message:
    values = {"account_sid": ACCOUNT, "auth_token": "f0" * 16, "phone_number": "+15550100300"}
    add_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=values, name="Twilio")
    return send_message(tenant, channel="sms", to="+16505551234", text="Hello")


def call_back(url: str, status: str, **more: str) -> int:
    """Do what Twilio does: post the status to the address that came with the message, signed."""
    body = urlencode({"MessageSid": SID, "MessageStatus": status, **more}).encode()
    request = SENDERS["twilio"].request(url=url, body=body, at=datetime.now(UTC))
    headers: dict[str, Any] = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in request.headers.items()
        if name != "content-type"
    }
    parts = urlsplit(url)
    answer = Client().post(
        f"{parts.path}?{parts.query}", body, content_type="application/x-www-form-urlencoded", **headers
    )
    return int(answer.status_code)


def address(provider: Receiver) -> str:
    (request,) = provider.wait_for(1, path=PATH)
    return dict(parse_qsl(request.body.decode()))["StatusCallback"]


def told() -> list[str]:
    return list(
        Event.objects.filter(event_type__startswith="message.").order_by("id").values_list("event_type", flat=True)
    )


def test_a_message_is_sent_by_twilio_and_its_callbacks_come_back(provider: Receiver, message: Message) -> None:
    with running_engine():
        drain()
        wait_until(told)
    form = parse_qs(provider.requests[0].body.decode())
    assert (form["To"], form["From"], form["Body"]) == (["+16505551234"], ["+15550100300"], ["Hello"])
    assert (now(message).state, now(message).provider_message_id) == ("sent", SID)

    url = address(provider)
    assert call_back(url, "delivered") == 200
    assert call_back(url, "sent") == 200
    assert call_back(url, "delivered") == 200

    stored = now(message)
    assert stored.state == "delivered"
    assert stored.delivered_at is not None
    assert told() == ["message.sent", "message.delivered"]
    assert Event.objects.filter(event_type="twilio.message_status").count() == 2


def test_a_callback_settles_what_was_lost_on_the_way(provider: Receiver, message: Message) -> None:
    provider.answer(PATH, reset=True)
    with running_engine():
        wait_until(lambda: now(message).state == "unknown")
        drain()
        wait_until(told)

    assert call_back(address(provider), "delivered") == 200

    assert (now(message).state, now(message).provider_message_id) == ("delivered", SID)
    assert told() == ["message.unknown", "message.delivered"]
    assert len(provider.requests) == 1


def test_a_callback_counts_although_its_events_are_not_wanted(
    provider: Receiver, message: Message, callbacks: ReceiverRow
) -> None:
    ReceiverRow.objects.update(event_types=["twilio.message_received"])
    with running_engine():
        drain()
        wait_until(told)

    assert call_back(address(provider), "undelivered", ErrorCode="30005") == 200

    assert (now(message).state, now(message).error_code) == ("failed", "30005")
    assert told() == ["message.sent", "message.failed"]
    assert InboundRequest.objects.get().state == "ignored"


def test_a_forged_callback_changes_nothing(provider: Receiver, message: Message) -> None:
    with running_engine():
        drain()
    url = address(provider)
    body = urlencode({"MessageSid": SID, "MessageStatus": "delivered"}).encode()
    parts = urlsplit(url)

    answer = Client().post(
        f"{parts.path}?{parts.query}",
        body,
        content_type="application/x-www-form-urlencoded",
        HTTP_X_TWILIO_SIGNATURE="x" * 28,
    )

    assert answer.status_code == 401
    assert now(message).state == "sent"
    assert now(message).cost in {None, Decimal(0)}


def test_another_tenants_callback_does_not_reach_it(
    provider: Receiver, message: Message, other_tenant: Tenant, admin_actor: Actor
) -> None:
    with running_engine():
        drain()
    theirs, _ = make(other_tenant, admin_actor, "twilio")

    assert call_back(f"{theirs.address}?message={message.id}", "delivered") == 200

    assert now(message).state == "sent"
