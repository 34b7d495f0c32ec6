"""Forgetting what was received: keys of events, requests, and counts of long ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from integrations.ids import uuid7_floor

KEPT_REQUESTS_FOR: Final = timedelta(days=7)
KEPT_COUNTS_FOR: Final = timedelta(days=90)
_BATCH: Final = 5_000
# Hosts' clocks differ from the database's, and an id is made a moment before its row.
_CLOCK_SLACK: Final = timedelta(minutes=5)

_STATEMENTS: Final = (
    """DELETE FROM webhooks_inboundkey WHERE ctid IN (
        SELECT ctid FROM webhooks_inboundkey WHERE expires_at <= now() LIMIT %(batch)s FOR UPDATE SKIP LOCKED)""",
    """DELETE FROM webhooks_inboundrequest WHERE id IN (
        SELECT id FROM webhooks_inboundrequest
        WHERE id < %(first_kept)s AND received_at < now() - %(requests)s AND state <> 'stored'
        ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED)""",
    """DELETE FROM webhooks_receivercount WHERE ctid IN (
        SELECT ctid FROM webhooks_receivercount WHERE hour < now() - %(counts)s
        LIMIT %(batch)s FOR UPDATE SKIP LOCKED)""",
)


def forget_received() -> int:
    """Delete what is past its time, of all tenants, in short transactions; return how many rows. Safe beside itself."""
    parameters: dict[str, Any] = {
        "batch": _BATCH,
        "requests": KEPT_REQUESTS_FOR,
        # By id, for which there is an index: else all that is kept would be read for the little that goes.
        "first_kept": uuid7_floor(timezone.now() - KEPT_REQUESTS_FOR + _CLOCK_SLACK),
        "counts": KEPT_COUNTS_FOR,
    }
    total = 0
    for statement in _STATEMENTS:
        while True:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                deleted = int(cursor.rowcount)
            total += deleted
            if deleted < _BATCH:
                break
    return total
