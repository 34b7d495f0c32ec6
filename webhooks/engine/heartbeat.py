"""Signs of life. A lease holds as long as its engine's heartbeat is young; rows of an engine that fell silent are freed."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import structlog
from django.db import connection, transaction

from webhooks.engine.database import uuid_array
from webhooks.engine.limits import SILENT_AFTER_SECONDS
from webhooks.engine.senders import Ledger

logger = structlog.get_logger(__name__)

_BEAT: Final = """
    INSERT INTO webhooks_engine (id, host, pid, in_flight, started_at, heartbeat_at)
    VALUES (%s, %s, %s, %s, now(), now())
    ON CONFLICT (id) DO UPDATE SET heartbeat_at = now(), in_flight = excluded.in_flight
"""
_ALIVE: Final = "SELECT count(*) FROM webhooks_engine WHERE heartbeat_at > now() - make_interval(secs => %s)"
_LOCK_ORPHANS: Final = """
    SELECT delivery_id, target_kind FROM webhooks_due AS due
    WHERE lease_by IS NOT NULL AND NOT EXISTS (
        SELECT FROM webhooks_engine AS engine
        WHERE engine.id = due.lease_by AND engine.heartbeat_at > now() - make_interval(secs => %s)
    )
    ORDER BY delivery_id FOR UPDATE SKIP LOCKED
"""
_RELEASE: Final = "UPDATE webhooks_due SET lease_by = NULL, leased_at = NULL WHERE delivery_id = ANY(%s::uuid[])"
_PARK: Final = """
    WITH taken AS (DELETE FROM webhooks_due WHERE delivery_id = ANY(%s::uuid[]) RETURNING delivery_id)
    UPDATE webhooks_delivery AS delivery
    SET state = 'unknown', next_attempt_at = NULL, finished_at = now(),
        last_error = 'The worker that was sending this died: whether it arrived is unknown.'
    FROM taken WHERE delivery.id = taken.delivery_id
"""
_FORGET_SILENT: Final = "DELETE FROM webhooks_engine WHERE heartbeat_at < now() - make_interval(secs => %s)"
_RELEASE_OWN: Final = """
    WITH own AS (SELECT delivery_id FROM webhooks_due WHERE lease_by = %s ORDER BY delivery_id FOR UPDATE)
    UPDATE webhooks_due AS due SET lease_by = NULL, leased_at = NULL FROM own WHERE due.delivery_id = own.delivery_id
"""
_SIGN_OFF: Final = "DELETE FROM webhooks_engine WHERE id = %s"


def beat(engine_id: UUID, in_flight: int) -> int:
    """Say that this engine lives, and with how many deliveries in hand; return how many engines do."""
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, [engine_id, socket.gethostname()[:200], os.getpid(), in_flight])
        cursor.execute(_ALIVE, [SILENT_AFTER_SECONDS])
        return int(cursor.fetchone()[0])


def release_silent(*, parked_kinds: Sequence[str], ledgers: Mapping[str, Ledger] | None = None) -> int:
    """Free what dead engines hold, and return how many rows: to be sent again, or parked for the kinds that ask for it.

    Of a kind with a ledger only what may have been sent is parked.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK_ORPHANS, [SILENT_AFTER_SECONDS])
        orphans = cursor.fetchall()
        if orphans:
            parked = _parked(orphans, parked_kinds, ledgers or {})
            cursor.execute(_RELEASE, [uuid_array(row for row, _ in orphans if row not in parked)])
            cursor.execute(_PARK, [uuid_array(parked)])
            logger.warning("leases_of_silent_engines_released", rows=len(orphans), parked=len(parked))
        cursor.execute(_FORGET_SILENT, [SILENT_AFTER_SECONDS])
        return len(orphans)


def _parked(
    orphans: Sequence[tuple[UUID, str]], parked_kinds: Sequence[str], ledgers: Mapping[str, Ledger]
) -> set[UUID]:
    parked: set[UUID] = set()
    for kind in parked_kinds:
        if of_kind := [row for row, its_kind in orphans if its_kind == kind]:
            parked |= ledgers[kind].park(of_kind) if kind in ledgers else set(of_kind)
    return parked


def sign_off(engine_id: UUID) -> int:
    """Free what this engine still holds, forget it, and return how many rows that were.

    Nothing is parked here: whoever claims such a row next sees whether it may have been sent.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_RELEASE_OWN, [engine_id])
        released = int(cursor.rowcount)
        cursor.execute(_SIGN_OFF, [engine_id])
    return released
