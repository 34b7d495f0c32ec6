"""How a provider's sending is written down, in a module named for it beside this one: `REQUESTS`, `ANSWERS`, `PROBLEMS`
and, where it calls back, `CALLBACKS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from re import Pattern
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import responses

from integrations.providers.base import Provider
from integrations.providers.messaging import Channel, OutgoingMessage, StatusUpdate, Template, Verdict
from integrations.providers.receiving import Incoming, Received, Settings
from integrations.providers.registry import get_receiving
from integrations.providers.values import Values
from tests.integrations.providers.senders import incoming

ID: Final = UUID("019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e")
TO: Final = "+447700900001"
CALLBACK: Final = "https://signalbox.example.com/api/webhooks/in/019a9f5e-0000-7cc4-9d0a-2f3a4b5c6d7e"
REQUIRED: Final = {
    *("accepted", "invalid number", "unauthorised", "missing permission", "rate limit", "rate limit with a time"),
    *("outage", "nonsense"),
}
"""The answers that every provider must bring; more are welcome."""
HTML: Final = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>"


def opened(provider: Provider, changes: Mapping[str, str | None]) -> Values:
    """Return the examples of a provider's fields, some replaced or (None) left out."""
    given = {field.name: field.example for field in provider.fields} | dict(changes)
    return Values(provider, {name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class Sending:
    """A message as it is asked for."""

    text: str = "Your code is 123456."
    template: Template | None = None
    to: str = TO
    callback_url: str = CALLBACK
    values: Mapping[str, str | None] = field(default_factory=dict)

    def message(self, provider: Provider) -> OutgoingMessage:
        text = "" if self.template else self.text
        return OutgoingMessage(
            id=ID,
            channel=Channel(provider.slot),
            to=self.to,
            text=text,
            template=self.template,
            callback_url=self.callback_url,
        )


@dataclass(frozen=True, kw_only=True)
class Request:
    """What must go out for a message, byte by byte. A body is given as JSON, or as the fields of a form in their order."""

    name: str
    sending: Sending = Sending()
    url: str
    headers: Mapping[str, str | Pattern[str]]
    json: Any = None
    form: Mapping[str, str] | None = None

    @property
    def body(self) -> bytes:
        if self.form is not None:
            return urlencode(self.form).encode()
        return json.dumps(self.json, ensure_ascii=False).encode()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer of the provider, and what it means. `body` is JSON unless it is text."""

    name: str
    verdict: Verdict
    status: int
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    provider_message_id: str = ""
    code: str = ""
    says: str = ""
    """Part of the message."""
    retry_after: float | None = None
    cost: Decimal | None = None
    currency: str = ""

    def register(self, mock: responses.RequestsMock, url: str) -> None:
        is_text = isinstance(self.body, str)
        headers = {"Content-Type": "text/html" if is_text else "application/json", **self.headers}
        content_type = headers.pop("Content-Type")
        body = self.body if is_text else json.dumps(self.body)
        mock.add("POST", url, status=self.status, body=body, headers=headers, content_type=content_type)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A message that is refused before any call: by which field, and part of what is said."""

    name: str
    sending: Sending
    field: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Callback:
    """What the provider posts to a receiver, and what it says of our messages. `form` or `json`."""

    name: str
    json: Any = None
    form: Mapping[str, str] | None = None
    query: str = ""
    updates: tuple[StatusUpdate, ...] = ()

    def received(self, provider: Provider) -> list[Received]:
        return get_receiving(provider.key).parse(self.incoming(), Settings(name="in", secrets=()))

    def incoming(self) -> Incoming:
        url = f"{CALLBACK}{self.query}"
        if self.form is not None:
            return incoming(urlencode(self.form), url=url, Content_Type="application/x-www-form-urlencoded")
        return incoming(json.dumps(self.json), url=url, Content_Type="application/json")


def status_of(state: Any, *, at: datetime | None = None, message_id: UUID | None = ID, **fields: Any) -> StatusUpdate:
    """Return what a callback says of the one message of these cases."""
    return StatusUpdate(state=state, message_id=message_id, at=at, **fields)
