"""Moving a part of a webhook's deliveries out of the queue or back into it.

Inside the caller's transaction and `tenant_scope`, which holds the lock on the webhook's `BacklogMove`. Rows of `due`
are locked in the order of their ids, as recording transactions do, so that the two never wait for each other in a
circle. What is held has no row in the queue, and its state is in no index: it is looked for along the webhook's
deliveries, in the order of their ids, from where the last slice stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from webhooks.models import BEHIND_ALL, BacklogKind, BacklogMove, TargetKind

EXPIRED: Final = "expired: the webhook was disabled for 7 days"


class Size(NamedTuple):
    """How much one slice does: rows that it changes, and deliveries that it reads to find them."""

    rows: int
    read: int


class Slice(NamedTuple):
    """What one slice did."""

    moved: int
    is_finished: bool


_TARGET: Final = "tenant_id = %(tenant)s AND target_kind = %(kind)s AND target_id = %(target)s"

# By the time at which they are due, for which there is an index, and so what an engine would take next goes first.
_WAITING: Final = f"""
    SELECT delivery_id FROM webhooks_due WHERE {_TARGET} AND lease_by IS NULL ORDER BY due_at LIMIT %(rows)s
"""  # noqa: S608
_LEASED: Final = f"""
    SELECT delivery_id FROM webhooks_due WHERE {_TARGET} AND lease_by IS NOT NULL LIMIT %(rows)s
"""  # noqa: S608


def _leave_queue(chosen: str, condition: str) -> str:
    return f"""
        WITH chosen AS MATERIALIZED ({chosen}), waiting AS MATERIALIZED (
            SELECT delivery_id FROM webhooks_due
            WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM chosen)) AND {condition}
            ORDER BY delivery_id FOR UPDATE
        ), taken AS (
            DELETE FROM webhooks_due WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM waiting))
            RETURNING delivery_id, attempt, due_at
        )
        SELECT array_agg(delivery_id), array_agg(attempt), array_agg(due_at), (SELECT count(*) FROM chosen) FROM taken
    """  # noqa: S608  (put together from our own constants)


# "Has no lease", in words that fit no partial index: the rows are to be looked up one by one by their ids.
_TAKE_WAITING: Final = _leave_queue(_WAITING, "coalesce(lease_by, delivery_id) = delivery_id")
_TAKE_ALL: Final = _leave_queue(f"({_WAITING}) UNION ALL ({_LEASED})", "true")

# The bounds on the ids are constants, so that PostgreSQL leaves out the partitions of all other days.
_TAKEN: Final = """
    FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(due_ats)s::timestamptz[]) AS taken (id, attempt, due_at)
    WHERE delivery.id = taken.id AND delivery.id BETWEEN %(first)s AND %(last)s
"""
_HOLD: Final = f"""
    UPDATE webhooks_delivery AS delivery
    SET state = 'held', attempts = taken.attempt, next_attempt_at = taken.due_at {_TAKEN}
"""  # noqa: S608
_CANCEL_TAKEN: Final = f"""
    UPDATE webhooks_delivery AS delivery
    SET state = 'cancelled', attempts = taken.attempt, next_attempt_at = NULL, finished_at = now() {_TAKEN}
"""  # noqa: S608

_READ: Final = f"""
    (SELECT id, state FROM webhooks_delivery WHERE {_TARGET} AND id > %(after)s ORDER BY id LIMIT %(read)s) AS read
"""  # noqa: S608
# Stops at the last row that it needs, so that a slice full of held deliveries reads no others.
_NEXT_HELD: Final = f"SELECT id FROM {_READ} WHERE state = 'held' ORDER BY id LIMIT %(rows)s"  # noqa: S608
_LAST_READ: Final = f"SELECT id FROM {_READ} ORDER BY id OFFSET %(read)s - 1"  # noqa: S608
_LOCK_HELD: Final = """
    SELECT id FROM webhooks_delivery
    WHERE id = ANY(%(ids)s::uuid[]) AND id BETWEEN %(first)s AND %(last)s AND state = 'held' ORDER BY id FOR UPDATE
"""
# By a list of ids and no join: where statistics are old, PostgreSQL expects one row and would compare all with all.
_HELD: Final = """
    WITH moved AS (
        UPDATE webhooks_delivery SET {assignments}
        WHERE id = ANY(%(ids)s::uuid[]) AND id BETWEEN %(first)s AND %(last)s
        RETURNING *
    )
    {last_step}
"""
_COUNT: Final = "SELECT id FROM moved"
_OF_HELD: Final[Mapping[str, str]] = {
    BacklogKind.BRING_BACK: _HELD.format(
        assignments="""
            state = CASE WHEN attempts > 0 THEN 'retrying' ELSE 'pending' END,
            next_attempt_at = greatest(next_attempt_at, statement_timestamp())
        """,
        last_step="""
            INSERT INTO webhooks_due (delivery_id, tenant_id, target_kind, target_id, event_id, due_at, attempt, run,
                max_retries, timeout_ms, retry_schedule)
            SELECT id, tenant_id, target_kind, target_id, event_id, next_attempt_at, attempts, run,
                max_retries, timeout_ms, retry_schedule
            FROM moved ORDER BY id
            ON CONFLICT (delivery_id) DO NOTHING
        """,
    ),
    BacklogKind.EXPIRE: _HELD.format(
        assignments="state = 'failed', last_error = %(reason)s, next_attempt_at = NULL, finished_at = now()",
        last_step=_COUNT,
    ),
    BacklogKind.CANCEL: _HELD.format(
        assignments="state = 'cancelled', next_attempt_at = NULL, finished_at = now()", last_step=_COUNT
    ),
}


def move_slice(move: BacklogMove, size: Size) -> Slice:
    """Do the next part of a move, and set its `position`; the caller saves it."""
    if move.kind == BacklogKind.HOLD:
        return _take(move, size, _TAKE_WAITING, _HOLD)
    if move.kind != BacklogKind.CANCEL:
        return _move_held(move, size)
    cancelled = _take(move, size, _TAKE_ALL, _CANCEL_TAKEN)
    if not cancelled.is_finished:
        return cancelled
    # Only now that nothing of it is in the queue any more: an engine may have been about to hold a row it had leased.
    of_held = _move_held(move, size)
    return Slice(cancelled.moved + of_held.moved, of_held.is_finished)


def _take(move: BacklogMove, size: Size, take: str, update: str) -> Slice:
    with connection.cursor() as cursor:
        cursor.execute(take, _of(move) | {"rows": size.rows})
        ids, attempts, due_ats, chosen = cursor.fetchone()
        if ids:
            cursor.execute(update, {"ids": _texts(ids), "attempts": attempts, "due_ats": due_ats, **_bounds(ids)})
    return Slice(len(ids or ()), is_finished=chosen < size.rows)


def _move_held(move: BacklogMove, size: Size) -> Slice:
    if move.position == BEHIND_ALL:
        return Slice(0, is_finished=True)
    moved = 0
    with connection.cursor() as cursor:
        parameters = _of(move) | {"after": move.position, **size._asdict()}
        cursor.execute(_NEXT_HELD, parameters)
        held = [row[0] for row in cursor.fetchall()]
        if held:
            cursor.execute(_LOCK_HELD, {"ids": _texts(held), **_bounds(held)})
            still_held = [row[0] for row in cursor.fetchall()]
            moved = len(still_held)
            cursor.execute(_OF_HELD[move.kind], {"ids": _texts(still_held), "reason": EXPIRED, **_bounds(held)})
        if len(held) == size.rows:
            last = (held[-1],)
        else:
            cursor.execute(_LAST_READ, parameters)
            last = cursor.fetchone()
    if last is not None:
        move.position = last[0]
    return Slice(moved, is_finished=last is None)


def _of(move: BacklogMove) -> dict[str, Any]:
    return {"tenant": move.tenant_id, "kind": TargetKind.WEBHOOK.value, "target": move.webhook_id}


def _bounds(ids: Sequence[UUID]) -> dict[str, UUID]:
    return {"first": min(ids), "last": max(ids)}


def _texts(ids: Sequence[UUID]) -> list[str]:
    return [str(id_) for id_ in ids]
