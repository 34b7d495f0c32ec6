"""What a provider declares in order to be received from: how its requests are proven, answered and understood.

Everything here is pure: bytes in, a verdict or events out. No database, no network, no clock of its own. A request is
untrusted until `verify` has let it pass, and nothing but `challenge` and `verify` looks at it before.
"""

from __future__ import annotations

import hmac
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

TOLERANCE_SECONDS: Final = 300
_NOT_IN_A_TYPE: Final = re.compile(r"[^a-z0-9_]+")


class Reason(StrEnum):
    """Why a request was refused."""

    SIGNATURE = "signature"
    STALE = "stale"
    MALFORMED = "malformed"


class RefusedError(Exception):
    """The request is not let in. The message is for the sender, and for whoever reads the receiver's log."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request as it arrived. `url` is the public one that the sender was given, whatever proxies made of it."""

    method: str
    url: str
    headers: Mapping[str, str]
    """By lower-case name."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    received_at: datetime

    def header(self, name: str) -> str:
        """Return a header's value; RefusedError where it is missing, which no genuine sender forgets."""
        value = self.headers.get(name.lower(), "")
        if not value:
            raise RefusedError(Reason.SIGNATURE, f"The header {name} is missing.")
        return value

    @property
    def is_form(self) -> bool:
        content_type = self.headers.get("content-type", "").partition(";")[0]
        return content_type.strip().lower() == "application/x-www-form-urlencoded"

    def form(self) -> list[tuple[str, str]]:
        """Return the fields of a form, blank ones too, in the order in which they were sent."""
        try:
            return parse_qsl(self.body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=1000)
        except (UnicodeDecodeError, ValueError):
            raise RefusedError(Reason.MALFORMED, "The form cannot be read.") from None

    def json_object(self) -> dict[str, Any]:
        """Return the body's JSON object, or that of the form field `payload`."""
        text: str | bytes = self.body
        if self.is_form:
            text = dict(self.form()).get("payload", "")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise RefusedError(Reason.MALFORMED, "The body is no JSON.") from None
        if not isinstance(value, dict):
            raise RefusedError(Reason.MALFORMED, "The body is no JSON object.")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the provider wants to hear."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One event of a request. The same `key` within the window of deduplication is the same event."""

    event_type: str
    key: str
    payload: dict[str, Any]
    reference: str = ""
    """What of ours came with it beside the payload: such as the id that we put into the address of a callback."""

    def __post_init__(self) -> None:
        """Refuse a key that no database can store: JSON can hold NUL and halves of characters."""
        if "\0" in self.key or any("\ud800" <= character <= "\udfff" for character in self.key):
            raise RefusedError(Reason.MALFORMED, "The id of the event holds a character that cannot be stored.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting that only some senders need; one of `choices`, where there are any."""

    name: str
    label: str
    help: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a receiver's row knows: its name, the secrets that are valid now, and the provider's own options."""

    name: str
    secrets: Sequence[str] = field(repr=False)
    verify_token: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict)


class Receiving(ABC):
    """How one kind of sender is received from."""

    key: str
    label: str
    where_from: str
    """Where a person finds the secret, or what to do with the one that is made."""
    makes_secret = False
    """Whether we make the secret, which is then entered at the provider; else it comes from there."""
    has_verify_token = False
    """Whether the provider asks for a token of ours before it sends anything."""
    pattern = r"[!-~]{8,256}"
    pattern_message = "8 to 256 printable characters without spaces."
    setup: str
    """What a person does at the provider, step by step."""
    options: tuple[Option, ...] = ()
    """What a person can say about the sender, in the order in which it is asked for."""
    takes_queries = False
    """Whether an event may come as the query of a GET; it is then read like the form of a POST."""
    kept_parameters: tuple[str, ...] = ()
    """Parameters that we ourselves put into the address; `parse` finds these in `Incoming.url`, and no others."""

    def option_problems(self, options: Mapping[str, object]) -> dict[str, list[str]]:
        """Return what is wrong with the options of a receiver; most providers have none."""
        return {name: [f"{self.label} has no options."] for name in options}

    def new_secret(self, options: Mapping[str, str]) -> str:
        """Return a new secret in the form that the provider takes."""
        raise NotImplementedError

    def challenge(self, incoming: Incoming, settings: Settings) -> Answer | None:
        """Return the answer to a request that only asks whether we are there; None for one that brings something."""
        return None

    @abstractmethod
    def verify(self, incoming: Incoming, settings: Settings) -> None:
        """Let a genuine, fresh request pass. Raises RefusedError for any other."""

    @abstractmethod
    def parse(self, incoming: Incoming, settings: Settings) -> list[Received]:
        """Return the events of a request that was verified. Raises RefusedError for one that makes no sense."""

    def answer(self) -> Answer:
        """Return what the sender is told when all was stored."""
        return Answer()


def matches_any(expected: Sequence[str], given: str) -> bool:
    """Compare in constant time, and with all of them, so that timing does not tell which one was close."""
    encoded = given.encode("utf-8", "surrogateescape")
    results = [hmac.compare_digest(candidate.encode(), encoded) for candidate in expected]
    return any(results)


def verify_hex_sha256(secrets: Sequence[str], body: bytes, given: str, *, prefix: str) -> None:
    """Check `prefix` and the hexadecimal HMAC-SHA256 of the body. Raises RefusedError."""
    expected = [prefix + hmac.new(secret.encode(), body, "sha256").hexdigest() for secret in secrets]
    if not matches_any(expected, given):
        raise RefusedError(Reason.SIGNATURE, "The signature is wrong.")


def check_fresh(timestamp: str, incoming: Incoming) -> None:
    """Refuse a request whose signed time, in Unix seconds, is more than five minutes from now."""
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise RefusedError(Reason.SIGNATURE, "The timestamp is no number of seconds.")
    if abs(incoming.received_at.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise RefusedError(Reason.STALE, "The timestamp is more than five minutes from now.")


def event_name(text: object) -> str:
    """Return text of a sender as a segment of an event type."""
    return _NOT_IN_A_TYPE.sub("_", str(text).lower()).strip("_")[:60] or "unknown"


def digest_of(*parts: bytes | str) -> str:
    """Return a key for content that brings none of its own."""
    joined = b"\0".join(part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in parts)
    return sha256(joined).hexdigest()
