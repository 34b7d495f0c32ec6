"""Locking messages and writing what changed of their lives, many at once; inside the caller's transaction.

Rows are locked in the order of their ids, after those of the queue where a transaction has both.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from integrations.messaging.models import Message

# Columns of a message's life, with their types.
_COLUMNS: Final = {
    "state": "text",
    "provider_message_id": "text",
    "error_code": "text",
    "error_message": "text",
    "cost": "numeric",
    "currency": "text",
    "sending_since": "timestamptz",
    "sent_at": "timestamptz",
    "delivered_at": "timestamptz",
    "read_at": "timestamptz",
    "failed_at": "timestamptz",
    "unknown_at": "timestamptz",
    "settled_by": "text",
    "settled_note": "text",
}
_STORE: Final = f"""
    UPDATE messaging_message AS message
    SET {", ".join(f"{name} = new.{name}" for name in _COLUMNS)},
        unannounced = string_to_array(new.unannounced, ','), updated_at = now()
    FROM unnest(%s::uuid[], {", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())}, %s::text[])
        AS new (id, {", ".join(_COLUMNS)}, unannounced)
    WHERE message.id = new.id
"""  # noqa: S608  (put together from our own constants)


def locked(messages: QuerySet[Message]) -> list[Message]:
    """Lock messages and return them, without their content."""
    return list(messages.select_for_update(no_key=True, of=("self",)).defer("content").order_by("id"))


def locked_by_id(ids: Collection[UUID]) -> list[Message]:
    return locked(Message.objects.filter(id__in=ids))


def store(messages: Sequence[Message]) -> None:
    """Write the lives of locked messages."""
    if not messages:
        return
    columns = [[getattr(message, name) for message in messages] for name in _COLUMNS]
    told = [",".join(message.unannounced) for message in messages]
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [[message.id for message in messages], *columns, told])
