"""A provider of messages that exists in tests only. Its address is a field, so that a test's own receiver can play it."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from uuid import UUID

import pytest

from integrations.providers import registry
from integrations.providers.answers import Answer
from integrations.providers.base import Capability, Field, Provider
from integrations.providers.messaging import (
    Channel,
    Judgement,
    MessageRequest,
    MessageState,
    Messaging,
    OutgoingMessage,
    StatusUpdate,
    Verdict,
)
from integrations.providers.receiving import Incoming, Received, Receiving, Settings
from integrations.providers.values import Values

TOKEN = "carrier-token-0a1b2c3d4e5f"


class CarrierMessaging(Messaging):
    channels = frozenset({Channel.SMS})
    takes_templates = True
    per_second = 500.0

    def problems(self, message: OutgoingMessage, values: Values) -> dict[str, list[str]]:
        return {"text": ["At most 160 characters."]} if len(message.text) > 160 else {}

    def request(self, message: OutgoingMessage, values: Values) -> MessageRequest:
        if message.text == "a fault of ours":
            raise ZeroDivisionError
        body = {"id": str(message.id), "to": message.to, "text": message.text, "callback": message.callback_url}
        if message.template is not None:
            body["template"] = message.template.name
        headers = {"Authorization": f"Bearer {values['token']}", "Content-Type": "application/json"}
        return MessageRequest(url=f"{values['base_url']}/messages", headers=headers, body=json.dumps(body).encode())

    def judge(self, answer: Answer) -> Judgement:
        said = answer.object_or_empty()
        if answer.status == 429:
            return Judgement(verdict=Verdict.RETRY, code="429", message="Slow down.", retry_after=answer.retry_after)
        if 400 <= answer.status <= 499:
            return Judgement(verdict=Verdict.REFUSED, code=str(said.get("code", "")), message=answer.words())
        if answer.is_success and isinstance(said.get("sid"), str):
            return Judgement(
                verdict=Verdict.SENT, provider_message_id=str(said["sid"]), cost=Decimal("0.0075"), currency="USD"
            )
        return Judgement(verdict=Verdict.UNKNOWN, message=f"Carrier answered {answer.status}.")

    def statuses(self, received: Received) -> list[StatusUpdate]:
        payload = received.payload
        if "status" not in payload:
            return []
        return [
            StatusUpdate(
                state=MessageState(payload["status"]),
                message_id=UUID(payload["id"]) if "id" in payload else None,
                provider_message_id=payload.get("sid", ""),
                code=payload.get("code", ""),
                message=payload.get("words", ""),
            )
        ]


class CarrierReceiving(Receiving):
    key = "carrier"
    label = "Carrier"
    where_from = "Somewhere."
    setup = "Do something."

    def verify(self, incoming: Incoming, settings: Settings) -> None:
        """Let everything pass."""

    def parse(self, incoming: Incoming, settings: Settings) -> list[Received]:
        payload = incoming.json_object()
        return [Received(event_type="carrier.status", key=json.dumps(payload, sort_keys=True)[:200], payload=payload)]


carrier = Provider(
    key="carrier",
    label="Carrier",
    slot="sms",
    documentation=Path(__file__),
    capabilities=frozenset({Capability.SEND_MESSAGE}),
    messaging=CarrierMessaging(),
    fields=(
        Field(name="base_url", label="Address", help="Where it is.", example="http://127.0.0.1:1", secret=False),
        Field(name="token", label="Token", help="What lets us in.", example=TOKEN, required=True),
    ),
)
receiving = CarrierReceiving()


def use_carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register it for the length of a test, as any other provider."""
    # The API's serializers, made once of all providers when addresses are looked up first, must not know it for ever.
    import_module("config.urls")
    monkeypatch.setitem(registry.PROVIDERS, "carrier", "tests.integrations.messaging.carrier.carrier")
    monkeypatch.setitem(registry.RECEIVING, "carrier", "tests.integrations.messaging.carrier.receiving")
