"""Any other sender: Standard Webhooks, an HMAC in a header, or a fixed token in a header.

Source of the first: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final

from integrations.providers.receiving import (
    Incoming,
    Option,
    Reason,
    Received,
    Receiving,
    RefusedError,
    Settings,
    check_fresh,
    digest_of,
    event_name,
    matches_any,
)

_HEADER_NAME: Final = r"[A-Za-z0-9-]{1,60}"
# Each option with the values that it takes and what to say of any other.
_OPTIONS: Final = {
    "scheme": (r"standard|hmac|token", "Give standard, hmac or token."),
    "header": (_HEADER_NAME, "Give the name of a header."),
    "hash": (r"sha1|sha256|sha512", "Give sha1, sha256 or sha512."),
    "encoding": (r"hex|base64", "Give hex or base64."),
    "prefix": (r"[!-~]{0,20}", "Give up to 20 characters that stand before the signature."),
    "timestamp_header": (_HEADER_NAME, "Give the name of a header."),
    "id_header": (_HEADER_NAME, "Give the name of a header."),
    "type_header": (_HEADER_NAME, "Give the name of a header."),
}
_OF_SCHEME: Final = {
    "standard": {"scheme", "type_header"},
    "hmac": set(_OPTIONS),
    "token": {"scheme", "header", "id_header", "type_header"},
}
# An id of the sender's own stops repetitions for as long as ids are kept; without one only repetitions of the same
# minutes can be told from a second event of the same content.
_MINUTES_ALIKE: Final = 5
_LONGEST_TYPE: Final = 128


class CustomReceiving(Receiving):
    """The options say how the sender proves itself; Standard Webhooks unless they do."""

    key = "custom"
    label = "Custom"
    makes_secret = True
    where_from = "Enter it at the sender."
    pattern_message = "8 to 256 printable characters without spaces."
    setup = (
        "Give the sender the address and the secret. With Standard Webhooks nothing else is needed; a sender with an "
        "HMAC of its own is described by the options, and one that can only send a fixed header uses the scheme token."
    )

    options = (
        Option(
            name="scheme",
            label="Scheme",
            help="standard: Standard Webhooks. hmac: a signature in a header. token: the secret itself in a header.",
            choices=("standard", "hmac", "token"),
        ),
        Option(name="header", label="Header", help="hmac, token: which header brings it, such as X-Signature."),
        Option(name="hash", label="Hash", help="hmac: sha256 unless given.", choices=("sha1", "sha256", "sha512")),
        Option(name="encoding", label="Encoding", help="hmac: hex unless given.", choices=("hex", "base64")),
        Option(name="prefix", label="Prefix", help="hmac: what stands before the signature, such as sha256=."),
        Option(
            name="timestamp_header",
            label="Timestamp header",
            help="hmac: brings Unix seconds, which are signed with the body: first they, then a dot, then the body.",
        ),
        Option(name="id_header", label="Id header", help="hmac, token: brings the sender's own id of an event."),
        Option(name="type_header", label="Type header", help="Brings what the event type ends with."),
    )

    def option_problems(self, options: Mapping[str, object]) -> dict[str, list[str]]:
        problems: dict[str, list[str]] = {}
        for name, value in options.items():
            pattern, message = _OPTIONS.get(name, ("", f"There are the options {', '.join(_OPTIONS)}."))
            if not pattern or not isinstance(value, str) or not re.fullmatch(pattern, value):
                problems[name] = [message]
        if problems:
            return problems
        scheme = str(options.get("scheme", "standard"))
        unused = {name: [f"The scheme {scheme} does not use it."] for name in set(options) - _OF_SCHEME[scheme]}
        missing = (
            {"header": ["Say which header brings it."]} if scheme != "standard" and "header" not in options else {}
        )
        return unused | missing

    def new_secret(self, options: Mapping[str, str]) -> str:
        if options.get("scheme", "standard") == "standard":
            return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        return secrets.token_urlsafe(32)

    def verify(self, incoming: Incoming, settings: Settings) -> None:
        scheme = settings.options.get("scheme", "standard")
        if scheme == "standard":
            _verify_standard(incoming, settings)
        elif scheme == "hmac":
            _verify_hmac(incoming, settings)
        elif not matches_any(settings.secrets, incoming.header(settings.options["header"])):
            raise RefusedError(Reason.SIGNATURE, "The token is wrong.")

    def parse(self, incoming: Incoming, settings: Settings) -> list[Received]:
        payload = dict(incoming.form()) if incoming.is_form else incoming.json_object()
        event_type = f"inbound.{event_name(settings.name)}"
        type_header = settings.options.get("type_header", "").lower()
        if given := incoming.headers.get(type_header, "") if type_header else "":
            event_type = f"{event_type}.{event_name(given)}"[:_LONGEST_TYPE]
        return [Received(event_type=event_type, key=_key(incoming, settings), payload=payload)]


def _verify_standard(incoming: Incoming, settings: Settings) -> None:
    message_id, timestamp = incoming.header("webhook-id"), incoming.header("webhook-timestamp")
    signed = f"{message_id}.{timestamp}.".encode("utf-8", "surrogateescape") + incoming.body
    expected = [
        base64.b64encode(hmac.new(_key_of(secret), signed, "sha256").digest()).decode() for secret in settings.secrets
    ]
    given = [part.partition(",") for part in incoming.header("webhook-signature").split(" ")[:20]]
    results = [matches_any(expected, value) for version, _, value in given if version == "v1"]
    if not any(results):
        raise RefusedError(Reason.SIGNATURE, "No signature of version v1 is right.")
    check_fresh(timestamp, incoming)


def _key_of(secret: str) -> bytes:
    """Return the bytes of a secret: base64 after `whsec_`, padded or not; any other text stands for itself."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    text = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return secret.encode()


def _verify_hmac(incoming: Incoming, settings: Settings) -> None:
    options = settings.options
    signed = incoming.body
    timestamp = incoming.header(options["timestamp_header"]) if "timestamp_header" in options else None
    if timestamp is not None:
        signed = timestamp.encode("utf-8", "surrogateescape") + b"." + signed
    expected = []
    for secret in settings.secrets:
        mac = hmac.new(secret.encode(), signed, options.get("hash", "sha256")).digest()
        text = base64.b64encode(mac).decode() if options.get("encoding") == "base64" else mac.hex()
        expected.append(options.get("prefix", "") + text)
    if not matches_any(expected, incoming.header(options["header"])):
        raise RefusedError(Reason.SIGNATURE, "The signature is wrong.")
    if timestamp is not None:
        check_fresh(timestamp, incoming)


def _key(incoming: Incoming, settings: Settings) -> str:
    """Return the sender's own id, or what comes nearest to one."""
    id_header = "webhook-id" if settings.options.get("scheme", "standard") == "standard" else ""
    id_header = settings.options.get("id_header", id_header).lower()
    if given := incoming.headers.get(id_header, "") if id_header else "":
        return digest_of(given)
    timestamp = incoming.headers.get(settings.options.get("timestamp_header", "").lower(), "")
    if timestamp:
        return digest_of(timestamp, incoming.body)
    minutes = int(incoming.received_at.timestamp()) // (60 * _MINUTES_ALIKE)
    return digest_of(str(minutes), incoming.body)


receiving = CustomReceiving()
