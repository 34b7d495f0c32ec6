"""Callbacks of the WhatsApp Cloud API: https://developers.facebook.com/docs/graph-api/webhooks/getting-started."""

from __future__ import annotations

import re
from typing import Any

from integrations.providers.receiving import (
    Answer,
    Incoming,
    Reason,
    Received,
    Receiving,
    RefusedError,
    Settings,
    digest_of,
    event_name,
    matches_any,
    verify_hex_sha256,
)

_CHALLENGE = re.compile(r"[0-9A-Za-z_-]{1,200}")


class WhatsAppReceiving(Receiving):
    """`X-Hub-Signature-256` under the app's secret. There is no timestamp: message ids stop a replay.

    One request may bring several changes; each becomes an event of its own, in the shape in which Meta sends one.
    """

    key = "whatsapp"
    label = "WhatsApp"
    has_verify_token = True
    where_from = "The app's secret: developers.facebook.com, your app, App settings, Basic."
    pattern = r"[0-9a-fA-F]{32}"
    pattern_message = "32 hexadecimal characters, from App settings, Basic."
    setup = (
        "On developers.facebook.com open the app, WhatsApp, Configuration. Paste the address as Callback URL and the "
        "verify token, save, and subscribe to the field messages."
    )

    def challenge(self, incoming: Incoming, settings: Settings) -> Answer | None:
        if incoming.method != "GET":
            return None
        challenge = incoming.query.get("hub.challenge", "")
        token = incoming.query.get("hub.verify_token", "")
        is_ours = bool(settings.verify_token) and matches_any([settings.verify_token], token)
        if incoming.query.get("hub.mode") != "subscribe" or not is_ours or not _CHALLENGE.fullmatch(challenge):
            raise RefusedError(Reason.SIGNATURE, "The verify token is wrong.")
        return Answer(body=challenge)

    def verify(self, incoming: Incoming, settings: Settings) -> None:
        given = incoming.header("X-Hub-Signature-256")
        verify_hex_sha256(settings.secrets, incoming.body, given, prefix="sha256=")

    def parse(self, incoming: Incoming, settings: Settings) -> list[Received]:
        body = incoming.json_object()
        events: list[Received] = []
        for entry in _objects(body.get("entry")):
            for change in _objects(entry.get("changes")):
                shown = {"object": body.get("object"), "entry": [{"id": entry.get("id"), "changes": [change]}]}
                field = event_name(change.get("field"))
                events.append(Received(event_type=f"whatsapp.{field}", key=_key(change), payload=shown))
        if not events:
            raise RefusedError(Reason.MALFORMED, "The body has no entry with changes.")
        return events


def _key(change: dict[str, Any]) -> str:
    """Return what tells one change from another: the ids of its messages, or of its statuses and how far they are."""
    value = change.get("value")
    if isinstance(value, dict):
        messages = [str(message.get("id")) for message in _objects(value.get("messages"))]
        statuses = [f"{status.get('id')}:{status.get('status')}" for status in _objects(value.get("statuses"))]
        if messages or statuses:
            return digest_of(*messages, "/", *statuses)
    return digest_of(repr(change))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


receiving = WhatsAppReceiving()
