"""Writing what attempts say of their endpoints (`webhooks.breaker`) into `webhook_runtime`, inside a recording transaction.

It is the last of its locks, in the order of the webhooks' ids. Where all is well nothing is written or even read: the
statement that adds to the totals, which is run anyway, tells which webhooks have something to forget after a success.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from psycopg import Cursor

from analytics.recording import CallRecord
from webhooks.breaker import BreakerState, Health, Sign, after, sign_of
from webhooks.engine.database import UuidArray

logger = structlog.get_logger(__name__)

# SQL about a row of `stats`: whether something is remembered of its webhook that a success would wipe out.
HAS_HISTORY: Final = """
    EXISTS (
        SELECT FROM webhooks_webhookruntime AS runtime
        WHERE runtime.webhook_id = stats.webhook_id AND (
            runtime.failing_since IS NOT NULL OR runtime.breaker_open_until IS NOT NULL
            OR runtime.consecutive_failures > 0
        )
    )
"""
_LOCK: Final = """
    SELECT webhook_id, consecutive_failures, breaker_opened_count, breaker_open_until, failing_since, now()
    FROM webhooks_webhookruntime WHERE webhook_id = ANY(%s::uuid[]) ORDER BY webhook_id FOR NO KEY UPDATE
"""
_WRITE: Final = """
    UPDATE webhooks_webhookruntime AS runtime
    SET consecutive_failures = new.failures, breaker_opened_count = new.opened, breaker_open_until = new.open_until,
        failing_since = new.failing_since
    FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::timestamptz[], %s::timestamptz[])
        AS new (id, failures, opened, open_until, failing_since)
    WHERE runtime.webhook_id = new.id
"""


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a batch means beyond its deliveries: webhooks whose breaker is open now, and those to disable as failing."""

    open: frozenset[UUID] = frozenset()
    failing: frozenset[UUID] = frozenset()

    def __or__(self, other: Consequences) -> Consequences:
        return Consequences(self.open | other.open, self.failing | other.failing)


def record_health(
    cursor: Cursor[Any], calls: Mapping[UUID, Sequence[CallRecord]], *, with_history: Collection[UUID]
) -> Consequences:
    """Write what follows from the calls of each webhook, in the order in which they ended.

    `with_history` are those of them that have something to forget. Webhooks without a row, deleted ones, are left out.
    """
    signs = {
        webhook_id: [(sign_of(status=call.status_code, error=call.error_kind), call.timestamp) for call in of_webhook]
        for webhook_id, of_webhook in calls.items()
    }
    failed = {webhook_id for webhook_id, of_webhook in signs.items() if any(sign.is_failure for sign, _ in of_webhook)}
    concerned = failed.union(with_history)
    if not concerned:
        return Consequences()
    cursor.execute(_LOCK, [UuidArray.of(concerned)])
    is_open, is_failing, changed = set(), set(), {}
    for webhook_id, failures, opened, open_until, failing_since, now in cursor.fetchall():
        before = Health(failures, opened, open_until, failing_since)
        health = _after_all(before, signs[webhook_id], now)
        if health != before:
            changed[webhook_id] = health
            _log_change(webhook_id, before, health, now)
        if webhook_id in failed and health.state(now) is BreakerState.OPEN:
            is_open.add(webhook_id)
        if webhook_id in failed and health.is_failing_for_good(now):
            is_failing.add(webhook_id)
    if changed:
        healths = changed.values()
        cursor.execute(
            _WRITE,
            [
                UuidArray.of(changed),
                [health.consecutive_failures for health in healths],
                [health.opened_count for health in healths],
                [health.open_until for health in healths],
                [health.failing_since for health in healths],
            ],
        )
    return Consequences(frozenset(is_open), frozenset(is_failing))


def _after_all(health: Health, signs: Sequence[tuple[Sign, datetime]], now: datetime) -> Health:
    for sign, began_at in signs:
        health = after(health, sign, began_at=began_at, now=now)
    return health


def _log_change(webhook_id: UUID, before: Health, health: Health, now: datetime) -> None:
    if health.opened_count > before.opened_count and health.open_until is not None:
        seconds = round((health.open_until - now).total_seconds())
        logger.warning("breaker_opened", webhook_id=str(webhook_id), seconds=seconds, times=health.opened_count)
    elif before.open_until is not None and health.open_until is None:
        logger.info("breaker_closed", webhook_id=str(webhook_id))
