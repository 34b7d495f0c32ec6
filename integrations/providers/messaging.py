"""What a provider declares for `Capability.SEND_MESSAGE`: how a message is sent there, and what its answers mean.

Everything here is pure: a message and values in, a request out; an answer in, a judgement out. Who sends, when, and how
often is the delivery engine's business. No provider takes an idempotency key for sending, so what is not known to have
been refused may have been sent (`Verdict.UNKNOWN`), and is never sent again by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from integrations.providers.answers import Answer
from integrations.providers.receiving import Received
from integrations.providers.values import Values

if TYPE_CHECKING:
    from integrations.providers.base import Provider


class Channel(StrEnum):
    """By what a message reaches a person. Each is also the slot whose default integration sends it."""

    WHATSAPP = "whatsapp"
    SMS = "sms"


class MessageState(StrEnum):
    """Where a message stands. The order of the first four is the order of its life; it never goes back."""

    ACCEPTED = "accepted"
    """Ours; not sent yet, or to be sent again."""
    SENT = "sent"
    """The provider took it."""
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nobody can say whether the provider took it; a status callback or a person settles it."""


class Verdict(StrEnum):
    """What an answer says of one attempt."""

    SENT = "sent"
    REFUSED = "refused"
    """Certainly not sent, and it makes no sense to try again as it is."""
    RETRY = "retry"
    """Certainly not sent; later it may be."""
    UNKNOWN = "unknown"
    """It may have been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A text that was approved before (WhatsApp); `components` are passed on as the provider documents them."""

    name: str
    language: str
    components: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message, as an adapter needs it. Either `text` or `template`."""

    id: UUID
    channel: Channel
    to: str
    """E.164 with its plus sign."""
    text: str = field(default="", repr=False)
    template: Template | None = field(default=None, repr=False)
    callback_url: str = ""
    """Our public address for this message's status, "" where the tenant has no receiver for this provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRequest:
    """One POST. `headers` hold the credentials and the content type; the address may hold a secret as well (Twilio)."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the provider's answer to an attempt means; its texts are scrubbed by whoever asked."""

    verdict: Verdict
    provider_message_id: str = ""
    code: str = ""
    """The provider's own code of the error."""
    message: str = ""
    """The error in the provider's words, or a sentence for a person."""
    retry_after: float | None = None
    """Seconds the provider wants to be left alone."""
    cost: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """What a status callback says. `message_id` is our own id where it travelled with the request."""

    state: MessageState
    message_id: UUID | None = None
    provider_message_id: str = ""
    at: datetime | None = None
    code: str = ""
    message: str = ""
    cost: Decimal | None = None
    currency: str = ""


class Messaging(ABC):
    """How one provider sends messages."""

    channels: ClassVar[frozenset[Channel]]
    takes_templates: ClassVar[bool] = False
    has_callbacks: ClassVar[bool] = True
    """Whether the provider tells us what became of a message; without, a person settles what is unknown."""
    per_second: ClassVar[float]
    """How many messages one integration may send in a second, by the provider's documented limit."""

    @abstractmethod
    def problems(self, message: OutgoingMessage, values: Values) -> dict[str, list[str]]:
        """Return what is wrong with the message, by field of the API's body; no call is made.

        `to`, `text`, `template`, and `integration` where its own values lack something, such as a sender.
        """

    @abstractmethod
    def request(self, message: OutgoingMessage, values: Values) -> MessageRequest:
        """Return the request that sends it; called for each attempt, so a signature may be of this moment."""

    @abstractmethod
    def judge(self, answer: Answer) -> Judgement:
        """Say what an answer means. Never raises, whatever the answer holds."""

    def statuses(self, received: Received) -> list[StatusUpdate]:
        """Return what an event of this provider's receiver says of our messages; none for any other event."""
        return []


def messaging_of(provider: Provider) -> Messaging | None:
    """Return how a provider sends messages; None when it sends none."""
    declared = provider.declaration("messaging")
    if declared is not None and not isinstance(declared, Messaging):
        raise TypeError(f"provider {provider.key}: what it declares is no Messaging")
    return declared
