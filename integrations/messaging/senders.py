"""Whose turn a message takes at a provider, and how the turns are given out: `Messaging.per_second`, over all engines.

It shapes: what exceeds the rate waits for its turn, and nothing is dropped. Up to a second's worth may go at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID, uuid5

from django.db import connection

from integrations.messaging.models import Message

_NAMESPACE: Final = UUID("6f0c6a0e-5a0e-5f0d-9a54-0d1f3d3f8b11")

_TAKE_TURNS: Final = """
    INSERT INTO messaging_senderrate AS rate (sender_id, free_at)
    VALUES (%(sender)s, now() + make_interval(secs => %(spent)s))
    ON CONFLICT (sender_id) DO UPDATE
    SET free_at = greatest(rate.free_at, now()) + make_interval(secs => %(spent)s)
    RETURNING extract(epoch FROM rate.free_at - now())::float8 - %(spent)s
"""
_NOTE_TURNS: Final = """
    UPDATE messaging_message AS message SET slot_at = now() + make_interval(secs => turn.delay)
    FROM unnest(%s::uuid[], %s::float8[]) AS turn (id, delay) WHERE message.id = turn.id
"""


def environment_sender(tenant_id: UUID, provider: str) -> UUID:
    """Return the lane of a tenant's messages that the platform's own account sends: tenants do not stand in each other's."""
    return uuid5(_NAMESPACE, f"{tenant_id}:{provider}")


def platform_account(provider: str) -> UUID:
    """Return whose rate those messages share: it is one account, whoever's messages it sends."""
    return uuid5(_NAMESPACE, provider)


def sender_of(message: Message) -> UUID:
    """Return whose turns a message takes."""
    return message.integration_id or platform_account(message.provider)


def take_turns(sender_id: UUID, message_ids: Sequence[UUID], *, per_second: float) -> dict[UUID, float]:
    """Give each message its turn, in their order, and return how many seconds those have to wait that must.

    A turn is noted with the message (`slot_at`), which then asks for no other for this attempt.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TURNS, {"sender": sender_id, "spent": len(message_ids) / per_second})
        ahead: float = max(0.0, cursor.fetchone()[0])
        at_once = max(1.0, 1 / per_second)
        delays = {
            message_id: ahead + number / per_second - at_once for number, message_id in enumerate(message_ids, start=1)
        }
        waiting = {message_id: delay for message_id, delay in delays.items() if delay > _NOW}
        if waiting:
            cursor.execute(_NOTE_TURNS, [list(waiting), list(waiting.values())])
    return waiting


# Less than this is no wait.
_NOW: Final = 0.001


def without_turn(messages: Collection[Message]) -> list[Message]:
    """Return those that were not given a turn yet."""
    return [message for message in messages if message.slot_at is None]
