"""Recording: what became of claimed rows, many in one transaction.

The order of locks is the same in every recording transaction, and rows are locked in the order of their keys:
`due`, then (calls are only appended) deliveries, rollups, stats, runtime. Whoever else changes a delivery that is in
the queue (disabling, deleting) locks its row of `due` first, so those locks cover the deliveries too.

An outcome counts only while its lease is held. One whose lease was lost, because this engine was silent for too long,
leaves the row of its attempt, but the state belongs to the engine that has the lease now. So does one of an earlier
run: what was cancelled on the wire and sent again at once may be leased anew, by this very engine, before it is over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog
from django.db import DataError, IntegrityError, NotSupportedError, ProgrammingError, transaction
from psycopg import Cursor

from analytics.recording import CallRecord, copy_calls, recorded_ids, upsert_rollups, without_content
from webhooks.engine.database import UuidArray, engine_cursor
from webhooks.engine.health import HAS_HISTORY, Consequences, record_health
from webhooks.engine.senders import Attempted, Doubtful, Dropped, Ended, Ledger, Outcome, Postponed, Withheld
from webhooks.policy import Next

logger = structlog.get_logger(__name__)

# What PostgreSQL, or psycopg on the way to it, refuses about a value. Everything else is not the row's fault.
DATA_ERRORS: Final = (
    *(psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError, psycopg.NotSupportedError),
    *(DataError, IntegrityError, ProgrammingError, NotSupportedError),
    *(ValueError, TypeError),
)
LONGEST_ERROR: Final = 500
NO_LEDGERS: Final[Mapping[str, Ledger]] = {}
_DOUBT: Final = "An attempt was cut off: whether it arrived is unknown."

# Every row is named by its key. Of tables of up to some ten thousand rows PostgreSQL would rather read the whole.
_LOOK_UP_BY_KEY: Final = "SET LOCAL enable_seqscan = off"
_LOCK_LEASED: Final = """
    SELECT delivery_id, run FROM webhooks_due WHERE delivery_id = ANY(%s::uuid[]) AND lease_by = %s
    ORDER BY delivery_id FOR UPDATE
"""
_FINISH_DUE: Final = "DELETE FROM webhooks_due WHERE delivery_id = ANY(%s::uuid[])"
_RETRY_DUE: Final = """
    UPDATE webhooks_due AS due
    SET due_at = now() + make_interval(secs => next.delay), attempt = next.attempt, lease_by = NULL, leased_at = NULL
    FROM unnest(%s::uuid[], %s::float8[], %s::int[]) AS next (id, delay, attempt)
    WHERE due.delivery_id = next.id
"""
# The bounds let PostgreSQL leave out all other days' partitions, also where it keeps a plan for any values.
_UPDATE_DELIVERIES: Final = """
    UPDATE webhooks_delivery AS delivery
    SET state = new.state, attempts = new.attempts, last_status_code = new.status_code, last_error = new.error,
        next_attempt_at = now() + make_interval(secs => new.delay),
        finished_at = CASE WHEN new.delay IS NULL THEN now() END
    FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(attempts)s::int[], %(statuses)s::int[], %(errors)s::text[],
        %(delays)s::float8[]) AS new (id, state, attempts, status_code, error, delay)
    WHERE delivery.id = new.id AND delivery.id = ANY(%(ids)s::uuid[])
        AND delivery.id BETWEEN %(lowest)s::uuid AND %(highest)s::uuid
"""
_CANCEL_DELIVERIES: Final = """
    UPDATE webhooks_delivery SET state = 'cancelled', next_attempt_at = NULL, finished_at = now()
    WHERE id = ANY(%s::uuid[])
"""
# The rows exist since the webhook was first prepared; a deleted webhook has none any more.
_ADD_STATS: Final = f"""
    WITH locked AS MATERIALIZED (
        SELECT webhook_id FROM webhooks_webhookstats WHERE webhook_id = ANY(%(ids)s::uuid[])
        ORDER BY webhook_id FOR NO KEY UPDATE
    )
    UPDATE webhooks_webhookstats AS stats
    SET total_calls = stats.total_calls + added.succeeded + added.failed,
        successful_calls = stats.successful_calls + added.succeeded,
        failed_calls = stats.failed_calls + added.failed,
        attempts = stats.attempts + added.attempts,
        last_called_at = greatest(stats.last_called_at, added.last_called_at)
    FROM locked, unnest(%(ids)s::uuid[], %(succeeded)s::bigint[], %(failed)s::bigint[], %(attempts)s::bigint[],
        %(last_called_at)s::timestamptz[]) AS added (id, succeeded, failed, attempts, last_called_at)
    WHERE stats.webhook_id = locked.webhook_id AND added.id = locked.webhook_id
    RETURNING stats.webhook_id, {HAS_HISTORY}
"""  # noqa: S608  (put together from our own constants)
_LOCK_WEBHOOKS: Final = """
    SELECT id, is_active FROM webhooks_webhook WHERE id = ANY(%s::uuid[]) ORDER BY id FOR SHARE
"""
_END_DELIVERIES: Final = """
    UPDATE webhooks_delivery AS delivery
    SET state = new.state, last_error = CASE new.error WHEN '' THEN delivery.last_error ELSE new.error END,
        next_attempt_at = NULL, finished_at = now()
    FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS new (id, state, error) WHERE delivery.id = new.id
"""
_HOLD: Final = """
    WITH taken AS (DELETE FROM webhooks_due WHERE delivery_id = ANY(%s::uuid[]) RETURNING delivery_id, attempt, due_at)
    UPDATE webhooks_delivery AS delivery
    SET state = 'held', attempts = taken.attempt, next_attempt_at = taken.due_at
    FROM taken WHERE delivery.id = taken.delivery_id
"""


def record_outcomes(
    engine_id: UUID,
    outcomes: Sequence[Outcome],
    *,
    again: bool = False,
    ledgers: Mapping[str, Ledger] = NO_LEDGERS,
) -> Consequences:
    """Record all, each exactly once; what PostgreSQL refuses about one does not keep the others from being recorded.

    `ledgers`, by kind, are written in the same transactions.
    Returns what follows for their targets. Raises database errors that are no outcome's fault (deadlock, serialization failure, lost connection): then call
    it with the same outcomes and `again`, which leaves out what was stored although the answer was lost.
    """
    if again:
        outcomes = _without_recorded(outcomes)
    withheld = [outcome for outcome in outcomes if isinstance(outcome, Withheld)]
    others = [outcome for outcome in outcomes if not isinstance(outcome, Withheld)]
    consequences = _record_or_split(engine_id, others, ledgers) if others else Consequences()
    if withheld:
        _hold(engine_id, withheld)
    return consequences


def _without_recorded(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """An attempt is stored in one transaction with what follows from it: if one is there, so is the other."""
    calls = [outcome.call for outcome in outcomes if isinstance(outcome, Attempted)]
    with engine_cursor() as cursor:
        recorded = recorded_ids(cursor, calls)
    return [outcome for outcome in outcomes if not (isinstance(outcome, Attempted) and outcome.call.id in recorded)]


def _record_or_split(engine_id: UUID, outcomes: Sequence[Outcome], ledgers: Mapping[str, Ledger]) -> Consequences:
    """Narrow a refused batch down to the guilty outcome, which is then recorded without what others wrote into it."""
    try:
        return _record(engine_id, outcomes, ledgers)
    except DATA_ERRORS as error:
        if len(outcomes) > 1:
            middle = len(outcomes) // 2
            first = _record_or_split(engine_id, outcomes[:middle], ledgers)
            return first | _record_or_split(engine_id, outcomes[middle:], ledgers)
        (outcome,) = outcomes
        if not isinstance(outcome, Attempted):
            raise
        reason = "The answer was left out: the database refused a value in it."
        bare = replace(outcome, call=without_content(outcome.call, reason=reason))
        consequences = _record(engine_id, [bare], ledgers)
        logger.warning("call_recorded_without_content", call_id=str(outcome.call.id), reason=type(error).__name__)
        return consequences


def _record(engine_id: UUID, outcomes: Sequence[Outcome], ledgers: Mapping[str, Ledger]) -> Consequences:
    with transaction.atomic(), engine_cursor() as cursor:
        cursor.execute(_LOOK_UP_BY_KEY)
        leased = _locked_leases(cursor, engine_id, outcomes)
        of_ledgers = _by_ledger(outcomes, ledgers)
        batch = _Batch(parked=_park(of_ledgers, leased))
        for outcome in outcomes:
            batch.add(outcome, is_leased=_run_of(outcome) in leased)
        if batch.calls:
            copy_calls(cursor, batch.calls)
        batch.write_states(cursor)
        for ledger, of_kind in of_ledgers:
            ledger.record(of_kind)
        upsert_rollups(cursor, batch.calls)
        by_webhook = _by_webhook(batch.calls)
        if not by_webhook:
            return Consequences()
        return record_health(cursor, by_webhook, with_history=_add_stats(cursor, by_webhook))


def _locked_leases(cursor: Any, engine_id: UUID, outcomes: Sequence[Outcome]) -> set[tuple[UUID, int]]:
    """Lock the rows of these outcomes that are leased to this engine; return their deliveries and runs."""
    cursor.execute(_LOCK_LEASED, [UuidArray.of(outcome.claimed.delivery_id for outcome in outcomes), engine_id])
    return set(cursor.fetchall())


def _by_ledger(outcomes: Sequence[Outcome], ledgers: Mapping[str, Ledger]) -> list[tuple[Ledger, list[Outcome]]]:
    found = []
    for kind, ledger in ledgers.items():
        if of_kind := [outcome for outcome in outcomes if outcome.claimed.target_kind == kind]:
            found.append((ledger, of_kind))
    return found


def _park(of_ledgers: Sequence[tuple[Ledger, Sequence[Outcome]]], leased: Collection[tuple[UUID, int]]) -> set[UUID]:
    parked: set[UUID] = set()
    for ledger, of_kind in of_ledgers:
        doubtful = [outcome for outcome in of_kind if isinstance(outcome, Doubtful) and _run_of(outcome) in leased]
        if doubtful:
            parked |= ledger.park([outcome.claimed.delivery_id for outcome in doubtful])
    return parked


def _run_of(outcome: Outcome) -> tuple[UUID, int]:
    return outcome.claimed.delivery_id, outcome.claimed.run


@dataclass(slots=True)
class _Batch:
    """The rows of one transaction, by what happens to them."""

    parked: set[UUID] = field(default_factory=set)
    calls: list[CallRecord] = field(default_factory=list)
    finished: list[UUID] = field(default_factory=list)
    cancelled: list[UUID] = field(default_factory=list)
    # (delivery, state, reason)
    ended: list[tuple[UUID, str, str]] = field(default_factory=list)
    # (delivery, delay in seconds, attempts made)
    again: list[tuple[UUID, float, int]] = field(default_factory=list)
    attempted: list[Attempted] = field(default_factory=list)

    def add(self, outcome: Outcome, *, is_leased: bool) -> None:
        delivery_id = outcome.claimed.delivery_id
        if isinstance(outcome, Attempted):
            self.calls.append(outcome.call if is_leased else replace(outcome.call, is_final=False))
        if not is_leased:
            logger.warning("outcome_without_lease", delivery_id=str(delivery_id))
        elif isinstance(outcome, Attempted):
            self.attempted.append(outcome)
            if outcome.decision.delay is None:
                self.finished.append(delivery_id)
            else:
                self.again.append((delivery_id, outcome.decision.delay, _attempts_after(outcome)))
        elif isinstance(outcome, Postponed):
            self.again.append((delivery_id, outcome.delay, outcome.claimed.attempt))
        elif isinstance(outcome, Dropped):
            self.cancelled.append(delivery_id)
        elif isinstance(outcome, Ended):
            self.ended.append((delivery_id, outcome.state.value, outcome.reason[:LONGEST_ERROR]))
        elif isinstance(outcome, Doubtful):
            if delivery_id in self.parked:
                self.ended.append((delivery_id, Next.UNKNOWN.value, _DOUBT))
            else:
                self.again.append((delivery_id, 0.0, outcome.claimed.attempt))

    def write_states(self, cursor: Cursor[Any]) -> None:
        if done := [*self.finished, *self.cancelled, *(ended[0] for ended in self.ended)]:
            cursor.execute(_FINISH_DUE, [UuidArray.of(done)])
        if self.again:
            _retry_due(cursor, self.again)
        if self.attempted:
            ids = [outcome.claimed.delivery_id for outcome in self.attempted]
            cursor.execute(
                _UPDATE_DELIVERIES,
                {
                    "ids": UuidArray.of(ids),
                    "lowest": min(ids),
                    "highest": max(ids),
                    "states": [outcome.decision.next.value for outcome in self.attempted],
                    "attempts": [_attempts_after(outcome) for outcome in self.attempted],
                    "statuses": [outcome.call.status_code for outcome in self.attempted],
                    "errors": [outcome.call.error_message[:LONGEST_ERROR] for outcome in self.attempted],
                    "delays": [outcome.decision.delay for outcome in self.attempted],
                },
            )
        if self.cancelled:
            cursor.execute(_CANCEL_DELIVERIES, [UuidArray.of(self.cancelled)])
        if self.ended:
            ended_ids, states, reasons = zip(*self.ended, strict=True)
            cursor.execute(_END_DELIVERIES, [UuidArray.of(ended_ids), list(states), list(reasons)])


def _retry_due(cursor: Any, rows: Sequence[tuple[UUID, float, int]]) -> None:
    ids, delays, attempts = zip(*rows, strict=True)
    cursor.execute(_RETRY_DUE, [UuidArray.of(ids), list(delays), list(attempts)])


def _attempts_after(outcome: Attempted) -> int:
    return outcome.claimed.attempt + outcome.decision.costs_attempt


def _by_webhook(calls: Sequence[CallRecord]) -> dict[UUID, list[CallRecord]]:
    by_webhook: dict[UUID, list[CallRecord]] = defaultdict(list)
    for call in calls:
        if call.target_kind == "webhook":
            by_webhook[call.target_id].append(call)
    return by_webhook


def _add_stats(cursor: Cursor[Any], by_webhook: Mapping[UUID, Sequence[CallRecord]]) -> list[UUID]:
    """Add to the totals; return the webhooks of which failures are remembered."""
    groups = list(by_webhook.values())
    cursor.execute(
        _ADD_STATS,
        {
            "ids": UuidArray.of(by_webhook),
            "succeeded": [sum(call.is_final and call.success for call in group) for group in groups],
            "failed": [sum(call.is_final and not call.success for call in group) for group in groups],
            "attempts": [len(group) for group in groups],
            "last_called_at": [max(call.timestamp for call in group) for group in groups],
        },
    )
    return [webhook_id for webhook_id, has_history in cursor.fetchall() if has_history]


def _hold(engine_id: UUID, withheld: Sequence[Withheld]) -> None:
    """Take deliveries of disabled webhooks out of the queue, unless the webhook was enabled at this very moment.

    The lock on the webhooks' rows (before that on `due`, as the services that disable and enable take them) decides:
    whoever enables one later brings back what is held here; one that is enabled already keeps its rows in the queue.
    """
    with transaction.atomic(), engine_cursor() as cursor:
        cursor.execute(_LOCK_WEBHOOKS, [UuidArray.of({outcome.claimed.target_id for outcome in withheld})])
        enabled = {webhook_id for webhook_id, is_active in cursor.fetchall() if is_active}
        leased = _locked_leases(cursor, engine_id, withheld)
        mine = [outcome.claimed for outcome in withheld if _run_of(outcome) in leased]
        if back := [(row.delivery_id, 0.0, row.attempt) for row in mine if row.target_id in enabled]:
            _retry_due(cursor, back)
        if held := [row.delivery_id for row in mine if row.target_id not in enabled]:
            cursor.execute(_HOLD, [UuidArray.of(held)])
