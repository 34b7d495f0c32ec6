"""The life of a message: what may follow upon what. Pure: it changes the object it is given and stores nothing.

States only ever advance: `accepted` and `unknown`, then `sent`, `failed`, `delivered`, `read`. So callbacks that come
late, twice, or in any order lead to the same end: a failure counts until the message is known to have been delivered.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from integrations.messaging.models import Message
from integrations.providers.messaging import MessageState, StatusUpdate

MAX_CODE: Final = 60
MAX_ERROR: Final = 500
MAX_PROVIDER_ID: Final = 200
MAX_CURRENCY: Final = 16
_MOST: Final = Decimal(10) ** 8
_SIXTH: Final = Decimal("0.000001")
_RANKS: Final = {
    MessageState.ACCEPTED: 0,
    MessageState.UNKNOWN: 0,
    MessageState.SENT: 1,
    MessageState.FAILED: 2,
    MessageState.DELIVERED: 3,
    MessageState.READ: 4,
}
_TOLD: Final = frozenset({MessageState.SENT, MessageState.FAILED, MessageState.DELIVERED, MessageState.READ})


def advance(message: Message, state: MessageState, *, at: datetime, code: str = "", words: str = "") -> bool:
    """Move a message on to `state` and tell whether it moved; it stays where it is if it is further already.

    `code` and `words` say why it failed. The tenant is to be told (`unannounced`).
    """
    if _RANKS[state] <= _RANKS[MessageState(message.state)]:
        return False
    message.state = state.value
    setattr(message, f"{state.value}_at", at)
    if state is MessageState.FAILED:
        message.error_code, message.error_message = storable(code, MAX_CODE), storable(words, MAX_ERROR)
    else:
        message.error_code = message.error_message = ""
        message.failed_at = None
    message.unannounced = [*message.unannounced, state.value]
    return True


def doubt(message: Message, *, at: datetime, words: str, code: str = "") -> bool:
    """Say of an accepted message that nobody knows whether it was sent; tell whether that is new."""
    if message.state != MessageState.ACCEPTED:
        return False
    message.state, message.unknown_at = MessageState.UNKNOWN.value, at
    message.error_code, message.error_message = storable(code, MAX_CODE), storable(words, MAX_ERROR)
    message.unannounced = [*message.unannounced, message.state]
    return True


def apply_update(message: Message, update: StatusUpdate, *, now: datetime) -> tuple[bool, bool]:
    """Apply what a callback says; tell whether the state changed, and whether anything did."""
    before = _remembered(message)
    note_provider(message, provider_message_id=update.provider_message_id, cost=update.cost, currency=update.currency)
    moved = False
    if update.state in _TOLD:
        moved = advance(message, update.state, at=update.at or now, code=update.code, words=update.message)
        stamp = f"{update.state.value}_at"
        # A step that is told late: when it was, if the provider says so.
        if not moved and update.at and update.state is not MessageState.FAILED and getattr(message, stamp) is None:
            setattr(message, stamp, update.at)
    return moved, _remembered(message) != before


def note_provider(
    message: Message, *, provider_message_id: str = "", cost: Decimal | None = None, currency: str = ""
) -> None:
    """Note the provider's id, unless there is one, and what it costs, where that is told."""
    if provider_message_id and not message.provider_message_id:
        message.provider_message_id = storable(provider_message_id, MAX_PROVIDER_ID)
    if cost is not None and cost.is_finite() and abs(cost) < _MOST:
        message.cost, message.currency = cost.quantize(_SIXTH), storable(currency, MAX_CURRENCY)


def storable(text: str, length: int) -> str:
    """Return a text as its column takes it: cut, without NUL and without halves of characters."""
    clean = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def _remembered(message: Message) -> tuple[object, ...]:
    return (
        message.state,
        message.provider_message_id,
        message.cost,
        message.currency,
        message.sent_at,
        message.delivered_at,
        message.read_at,
    )
