"""Callbacks of Twilio Messaging: https://www.twilio.com/docs/usage/security#validating-requests."""

from __future__ import annotations

import base64
import hmac
from collections import defaultdict
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from integrations.providers.receiving import (
    Answer,
    Incoming,
    Reason,
    Received,
    Receiving,
    RefusedError,
    Settings,
    digest_of,
    matches_any,
)

MESSAGE_PARAMETER: Final = "message"
"""In the address of a status callback: our own id of the message, which Twilio signs with it."""
_PORTS = {"https": 443, "http": 80}


class TwilioReceiving(Receiving):
    """HMAC-SHA1 over the public address and the form's fields. The message's id and status stop a replay."""

    key = "twilio"
    label = "Twilio"
    where_from = "The account's primary auth token: signatures use no other."
    pattern = r"[0-9a-fA-F]{32}"
    pattern_message = "32 hexadecimal characters: the account's primary auth token."
    setup = (
        "In Twilio's console open the number (or the messaging service), Messaging, and paste the address for incoming "
        "messages, with POST. Messages that are sent from here name the address for their status themselves."
    )
    kept_parameters = (MESSAGE_PARAMETER,)

    def verify(self, incoming: Incoming, settings: Settings) -> None:
        given = incoming.header("X-Twilio-Signature")
        fields = _signed_fields(incoming) if incoming.is_form else ""
        addresses = _with_and_without_port(incoming.url)
        expected = [
            base64.b64encode(hmac.new(secret.encode(), (url + fields).encode(), "sha1").digest()).decode()
            for secret in settings.secrets
            for url in addresses
        ]
        if not matches_any(expected, given):
            raise RefusedError(
                Reason.SIGNATURE, "The signature is wrong. It covers the address as Twilio was given it."
            )
        if not incoming.is_form:
            _verify_body(incoming)

    def parse(self, incoming: Incoming, settings: Settings) -> list[Received]:
        payload = dict(incoming.form()) if incoming.is_form else incoming.json_object()
        sid = payload.get("MessageSid") or payload.get("SmsSid")
        if not isinstance(sid, str):
            raise RefusedError(Reason.MALFORMED, "There is no MessageSid.")
        status = payload.get("MessageStatus") or payload.get("SmsStatus")
        if "Body" in payload or status in {None, "received"}:
            return [Received(event_type="twilio.message_received", key=digest_of(sid, "received"), payload=payload)]
        return [
            Received(
                event_type="twilio.message_status",
                key=digest_of(sid, str(status)),
                payload=payload,
                reference=dict(parse_qsl(urlsplit(incoming.url).query)).get(MESSAGE_PARAMETER, ""),
            )
        ]

    def answer(self) -> Answer:
        return Answer(body='<?xml version="1.0" encoding="UTF-8"?><Response/>', content_type="text/xml")


def _signed_fields(incoming: Incoming) -> str:
    """Return the form's fields as they are signed: by name, and of a repeated one its distinct values, sorted."""
    fields: dict[str, set[str]] = defaultdict(set)
    for name, value in incoming.form():
        fields[name].add(value)
    return "".join(name + value for name in sorted(fields) for value in sorted(fields[name]))


def _with_and_without_port(url: str) -> list[str]:
    """Return the address with its port and without: senders are not of one mind about the default one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port or _PORTS.get(parts.scheme, 443)
    return [urlunsplit(parts._replace(netloc=netloc)) for netloc in (f"{host}:{port}", host)]


def _verify_body(incoming: Incoming) -> None:
    """What is no form is covered by a hash of the body, which stands in the signed address."""
    claimed = dict(parse_qsl(urlsplit(incoming.url).query)).get("bodySHA256", "")
    if not matches_any([sha256(incoming.body).hexdigest()], claimed.lower()):
        raise RefusedError(Reason.SIGNATURE, "The body is not the one that was signed.")


receiving = TwilioReceiving()
