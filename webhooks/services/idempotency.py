"""Idempotency keys: remembered for 24 hours, then forgotten."""

from __future__ import annotations

from typing import Final

from django.db import connection

BATCH: Final = 5_000

_FORGET: Final = """
    DELETE FROM webhooks_idempotencykey WHERE (tenant_id, key) IN (
        SELECT tenant_id, key FROM webhooks_idempotencykey WHERE expires_at < now()
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""


def forget_expired() -> int:
    """Delete expired keys of all tenants, in short transactions, and return how many."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [BATCH])
            forgotten = int(cursor.rowcount)
        total += forgotten
        if forgotten < BATCH:
            return total
