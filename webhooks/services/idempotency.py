"""Idempotency keys: remembered for 24 hours with the event that was accepted under them, then forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection

from integrations.errors import InvalidInputError
from integrations.idempotency_keys import WHAT_A_KEY_IS, is_key
from integrations.postgresql import planned_statements

BATCH: Final = 5_000
_ACCEPTED: Final = 202

# Waits for a transaction that is just storing the same key. A key whose time is over counts as new.
_REMEMBER: Final = """
    INSERT INTO webhooks_idempotencykey AS known (tenant_id, key, fingerprint, event_id, status_code, expires_at)
    SELECT %(tenant)s, key, fingerprint, event_id, %(status)s, now() + interval '24 hours'
    FROM unnest(%(keys)s::text[], %(fingerprints)s::text[], %(events)s::uuid[]) AS new (key, fingerprint, event_id)
    ON CONFLICT (tenant_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, event_id = excluded.event_id, status_code = excluded.status_code,
        expires_at = excluded.expires_at
    WHERE known.expires_at < now()
    RETURNING key
"""
# A statement of its own: it sees what another transaction committed while the one before waited for it.
_RECALL: Final = """
    SELECT key, fingerprint, event_id FROM webhooks_idempotencykey
    WHERE tenant_id = %(tenant)s AND key = ANY(%(keys)s::text[])
"""

_FORGET: Final = """
    DELETE FROM webhooks_idempotencykey WHERE (tenant_id, key) IN (
        SELECT tenant_id, key FROM webhooks_idempotencykey WHERE expires_at < now()
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key, a digest of what was given with it, and the event that was made of that."""

    key: str
    fingerprint: str
    event_id: UUID


def checked_key(key: object) -> str | None:
    """Return an idempotency key as it is stored, None for None; InvalidInputError if it is no key."""
    if key is None:
        return None
    if not isinstance(key, str) or not is_key(key):
        raise InvalidInputError({"idempotency_key": [WHAT_A_KEY_IS]})
    return key


def remember(*, tenant_id: UUID, uses: Sequence[KeyUse]) -> dict[str, KeyUse]:
    """Remember each key (distinct ones) and return how those were used that had been given before.

    Runs in the tenant's scope, and what it remembers is rolled back with the caller's transaction. Another transaction
    that is storing one of the keys is waited for. Rows are locked in the order of the keys, so that two batches with
    the same keys do not wait for each other in a circle.
    """
    ordered = sorted(uses, key=lambda use: use.key)
    if not ordered:
        return {}
    keys = [use.key for use in ordered]
    stored = planned_statements.rows_of(
        _REMEMBER,
        {
            "tenant": tenant_id,
            "status": _ACCEPTED,
            "keys": keys,
            "fingerprints": [use.fingerprint for use in ordered],
            "events": [use.event_id for use in ordered],
        },
    )
    new = {key for (key,) in stored}
    given_before = [key for key in keys if key not in new]
    if not given_before:
        return {}
    known = planned_statements.rows_of(_RECALL, {"tenant": tenant_id, "keys": given_before})
    return {row[0]: KeyUse(*row) for row in known}


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
