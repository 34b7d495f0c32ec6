"""What is needed to send messages: read for the engine, as the owner, in a handful of queries for any number."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.utils import timezone

from integrations.encryption.errors import KeyNotAtHandError, UnreadableSecretError
from integrations.messaging.content import content_of
from integrations.messaging.models import Message
from integrations.messaging.senders import sender_of, take_turns, without_turn
from integrations.ports import message_queue
from integrations.providers.base import Capability, Provider
from integrations.providers.environment import environment_values
from integrations.providers.messaging import (
    Channel,
    MessageRequest,
    MessageState,
    Messaging,
    OutgoingMessage,
    Template,
    messaging_of,
)
from integrations.providers.registry import UnknownProviderError, get_provider
from integrations.providers.scrubbing import Scrubber
from integrations.providers.values import Values
from integrations.resolution import Source

logger = structlog.get_logger(__name__)

KEY_NOT_AT_HAND_SECONDS: Final = 30.0
FAULT_SECONDS: Final = 60.0
# Names in a template's components whose texts are the provider's vocabulary and nobody's secret.
_VOCABULARY: Final = frozenset({"type", "sub_type", "index", "format", "code", "policy"})


@dataclass(frozen=True, slots=True)
class Ready:
    """A message that can be sent. Its secrets are in memory for as long as this is."""

    message: OutgoingMessage
    provider: Provider
    messaging: Messaging
    values: Values
    scrubber: Scrubber = field(repr=False)
    triggered_by: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    credential_version: int | None = None
    """Of the integration's credentials that are used; None for the platform's own."""

    def request(self) -> MessageRequest:
        return self.messaging.request(self.message, self.values)


@dataclass(frozen=True, slots=True)
class Unsendable:
    """It fails, for a reason that a person can read."""

    provider: str
    reason: str
    triggered_by: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """It cannot be sent yet."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Over:
    """Its life went on without the engine."""

    state: MessageState


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Its bytes may have gone out before."""


Loaded = Ready | Unsendable | Waiting | Over | InDoubt


class _Refused(Exception):
    """A message cannot be sent, for this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def load(message_ids: Collection[UUID]) -> dict[UUID, Loaded]:
    """Return how each message stands; one that does not exist (any more) is left out.

    Gives out turns at the senders' rates. Database errors go through; a fault about one message is logged and delays it.
    """
    messages = list(Message.objects.filter(id__in=message_ids).select_related("tenant", "integration").order_by("id"))
    opened: dict[tuple[Any, ...], Any] = {}
    loaded = {message.id: _loaded(message, opened) for message in messages}
    return loaded | _turns([message for message in messages if isinstance(loaded[message.id], Ready)], loaded)


def _loaded(message: Message, opened: dict[tuple[Any, ...], Any]) -> Loaded:
    if message.state != MessageState.ACCEPTED:
        return Over(MessageState(message.state))
    if message.sending_since is not None:
        return InDoubt()
    if not message.tenant.is_active or message.tenant.deleted_at is not None:
        return Waiting(0.0)  # claims pass inactive tenants by
    if message.slot_at is not None and (seconds := (message.slot_at - timezone.now()).total_seconds()) > 0:
        return Waiting(seconds)
    try:
        return _ready(message, opened)
    except _Refused as refusal:
        return Unsendable(message.provider, refusal.reason, message.triggered_by, message.metadata)
    except KeyNotAtHandError as error:
        # This process is misconfigured or older than a rotation; another one may be able to send it.
        logger.error("message_key_not_at_hand", message_id=str(message.id), reason=str(error))  # noqa: TRY400
        return Waiting(KEY_NOT_AT_HAND_SECONDS)
    except UnreadableSecretError as error:
        logger.error("message_secret_unreadable", message_id=str(message.id), reason=str(error))  # noqa: TRY400
        reason = "A stored secret that is needed to send it cannot be read: enter the integration's secrets again."
        return Unsendable(message.provider, reason, message.triggered_by, message.metadata)
    except DatabaseError:
        raise
    except Exception:
        # One message's fault must not stop all others.
        logger.exception("message_not_loaded", message_id=str(message.id))
        return Waiting(FAULT_SECONDS)


def _ready(message: Message, opened: dict[tuple[Any, ...], Any]) -> Ready:
    provider, messaging = _adapter(message)
    values = opened.get(("values", message.integration_id, provider.key))
    if values is None:
        values = opened["values", message.integration_id, provider.key] = _values(message, provider)
    callback = ("callback", message.tenant_id, provider.key)
    if callback not in opened:
        opened[callback] = (
            message_queue().callback_url(tenant_id=message.tenant_id, provider=provider.key)
            if messaging.has_callbacks
            else ""
        )
    outgoing = outgoing_message(message, callback_url=opened[callback])
    return Ready(
        message=outgoing,
        provider=provider,
        messaging=messaging,
        values=values,
        scrubber=Scrubber([*values.secrets(), *_said(outgoing)]),
        triggered_by=message.triggered_by,
        metadata=message.metadata,
        credential_version=message.integration.credential_version if message.integration else None,
    )


def outgoing_message(message: Message, *, callback_url: str) -> OutgoingMessage:
    """Return a message as an adapter needs it. Raises EncryptionError when its content cannot be read."""
    content = content_of(message)
    if content is None:
        raise _Refused("What it said is not stored any more.")
    template = content.get("template")
    return OutgoingMessage(
        id=message.id,
        channel=Channel(message.channel),
        to=message.to,
        text=content.get("text", ""),
        template=Template(**template) if template else None,
        callback_url=callback_url,
    )


def _adapter(message: Message) -> tuple[Provider, Messaging]:
    integration = message.integration
    if message.source != Source.ENVIRONMENT:
        if integration is None:
            raise _Refused("The integration was deleted.")
        if not integration.enabled:
            raise _Refused("The integration was deactivated.")
        if not integration.allows(Capability.SEND_MESSAGE):
            raise _Refused("Sending messages was switched off for the integration.")
        if integration.provider != message.provider:
            raise _Refused("The integration was changed to another provider.")
    try:
        provider = get_provider(message.provider)
    except UnknownProviderError:
        raise _Refused(f"There is no provider {message.provider} any more.") from None
    messaging = messaging_of(provider)
    if messaging is None or message.channel not in messaging.channels:
        raise _Refused(f"{provider.label} sends no messages by {message.channel}.")
    return provider, messaging


def _values(message: Message, provider: Provider) -> Values:
    if message.integration is not None:
        return Values.revealed(provider, message.integration.config)
    found = environment_values(provider)
    if not found.is_complete:
        raise _Refused(f"The platform's own account at {provider.label} is not configured any more.")
    return Values(provider, found.values)


def _turns(messages: Collection[Message], loaded: Mapping[UUID, Loaded]) -> dict[UUID, Loaded]:
    """Give out turns; return what has to wait for its own."""
    by_sender: dict[UUID, list[UUID]] = {}
    for message in without_turn(messages):
        by_sender.setdefault(sender_of(message), []).append(message.id)
    late: dict[UUID, Loaded] = {}
    for sender_id, message_ids in sorted(by_sender.items()):
        ready = loaded[message_ids[0]]
        if isinstance(ready, Ready):
            delays = take_turns(sender_id, message_ids, per_second=ready.messaging.per_second)
            late |= {message_id: Waiting(seconds) for message_id, seconds in delays.items()}
    return late


def _said(message: OutgoingMessage) -> Iterator[str]:
    """Yield the texts of a message: providers repeat them in their answers, and they may be one-time codes."""
    if message.text:
        yield message.text
    if message.template is not None:
        yield from _texts(message.template.components)


def _texts(value: object, name: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if name not in _VOCABULARY:
            yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, name)
