"""Forgetting: first what messages said, later the messages, in short transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.utils import timezone

from integrations.ids import uuid7_floor

BATCH: Final = 1_000

# By the bounds of their ids, which say when they were made. What still waits to be sent keeps its content.
_EMPTY: Final = """
    UPDATE messaging_message SET content = NULL, idempotency_key = '', fingerprint = '', updated_at = now()
    WHERE id IN (
        SELECT id FROM messaging_message
        WHERE id < %(before)s AND content IS NOT NULL AND state <> 'accepted'
        ORDER BY id LIMIT %(rows)s FOR UPDATE SKIP LOCKED
    )
"""
_DELETE: Final = """
    DELETE FROM messaging_message WHERE id IN (
        SELECT id FROM messaging_message WHERE id < %(before)s AND state <> 'accepted'
        ORDER BY id LIMIT %(rows)s FOR UPDATE SKIP LOCKED
    )
"""
# A rate whose next turn is long past says the same as none.
_FORGET_RATES: Final = "DELETE FROM messaging_senderrate WHERE free_at < now() - interval '1 day'"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many messages lost their content, and how many went."""

    emptied: int
    deleted: int


def forget_messages() -> Forgotten:
    """Remove content after MESSAGE_CONTENT_DAYS and messages after MESSAGE_RETENTION_DAYS, of all tenants, as the owner.

    Safe to repeat and beside itself.
    """
    deleted = _in_batches(_DELETE, days=settings.MESSAGE_RETENTION_DAYS)
    emptied = _in_batches(_EMPTY, days=settings.MESSAGE_CONTENT_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_RATES)
    return Forgotten(emptied=emptied, deleted=deleted)


def _in_batches(statement: str, *, days: int) -> int:
    before = uuid7_floor(timezone.now() - timedelta(days=days))
    parameters: dict[str, Any] = {"before": before, "rows": BATCH}
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            done = int(cursor.rowcount)
        total += done
        if done < BATCH:
            return total
