"""Taking out of stored payloads what redaction rules hide, once nothing has to be sent any more.

A payload that a rule concerns is marked when it is accepted (`webhooks.services.accept`); those of before the rule are
marked here. A task looks at all that are marked: one whose deliveries have all ended is rewritten. Everything here may
be interrupted, and run beside itself. Runs as the owner role, in short transactions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from integrations.ids import uuid7_floor, uuid7_time
from webhooks.models import DeliveryState, RedactionRule
from webhooks.redaction import Redaction

logger = structlog.get_logger(__name__)

BATCH: Final = 200
MARKED_AT_ONCE: Final = 5_000
# A transaction that began before the rule's own had committed did not see it. None takes longer than a minute.
_SEEN_BY_ALL_AFTER: Final = timedelta(minutes=2)
# An event's deliveries are made right after it; hosts' clocks are set back now and then.
_CLOCK_SLACK: Final = timedelta(minutes=5)
_ENDED: Final = [DeliveryState.SUCCEEDED.value, DeliveryState.FAILED.value, DeliveryState.CANCELLED.value]

_MATCHES: Final = """
    (%(pattern)s = '*' OR event.event_type = %(pattern)s
        OR (right(%(pattern)s, 2) = '.*' AND starts_with(event.event_type, left(%(pattern)s, -1))))
"""
# The events are read in the order of their ids, matching or not, so that a slice costs the same whatever it finds.
_MARK: Final = f"""
    WITH read AS MATERIALIZED (
        SELECT id, event_type FROM webhooks_event AS event
        WHERE tenant_id = %(tenant)s AND id > %(after)s AND id < %(before)s
        ORDER BY id LIMIT %(limit)s
    ), marked AS (
        UPDATE webhooks_payload AS payload
        SET redaction = CASE payload.redaction WHEN 'done' THEN 'again' ELSE 'pending' END
        FROM read AS event
        WHERE payload.id = event.id AND payload.redaction IN ('', 'done') AND {_MATCHES}
            AND payload.id > %(after)s AND payload.id < %(before)s
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM marked), (SELECT count(*) FROM read), (SELECT id FROM read ORDER BY id DESC LIMIT 1)
"""  # noqa: S608  (put together from our own constants)

_MARKED: Final = """
    SELECT tenant_id, id FROM webhooks_payload
    WHERE redaction IN ('pending', 'again') AND (tenant_id, id) > (%(tenant)s, %(after)s)
    ORDER BY tenant_id, id LIMIT %(limit)s
"""
# Locked in the order of their ids, as recording transactions do. Who sends a delivery again locks it as well.
_LOCK_DELIVERIES: Final = """
    SELECT event_id, state FROM webhooks_delivery
    WHERE event_id = ANY(%(events)s::uuid[]) AND id >= %(oldest)s AND id < %(newest)s
    ORDER BY id FOR UPDATE
"""
_LOAD: Final = """
    SELECT payload.id, event.event_type, payload.body, payload.redaction = 'again'
    FROM webhooks_payload AS payload LEFT JOIN webhooks_event AS event ON event.id = payload.id
    WHERE payload.id = ANY(%(events)s::uuid[]) AND payload.redaction IN ('pending', 'again')
    ORDER BY payload.id FOR UPDATE OF payload
"""
_REWRITE: Final = """
    UPDATE webhooks_payload AS payload SET body = new.body, redaction = new.redaction
    FROM unnest(%(ids)s::uuid[], %(bodies)s::text[], %(states)s::text[]) AS new (id, body, redaction)
    WHERE payload.id = new.id AND payload.id = ANY(%(ids)s::uuid[])
"""


def mark_earlier_payloads() -> int:
    """Mark what was accepted before its tenant's rules were made or changed, a slice of each rule; return how many."""
    rules = RedactionRule.objects.exclude(marked_up_to=None).filter(
        changed_at__lte=timezone.now() - _SEEN_BY_ALL_AFTER, tenant__deleted_at=None
    )
    return sum(_mark_slice(rule_id) for rule_id in rules.order_by("id").values_list("id", flat=True))


def redact_finished() -> int:
    """Rewrite the marked payloads whose deliveries have all ended; return how many.

    What a tenant's rules do not hide any more is unmarked. A batch that the database refuses does not stop the others.
    """
    redacted = 0
    for tenant_id, event_ids in _marked_batches():
        try:
            with transaction.atomic():
                redacted += _redact_batch(tenant_id, event_ids)
        except DatabaseError as error:
            logger.warning("payloads_not_redacted", tenant_id=str(tenant_id), reason=type(error).__name__)
    return redacted


def _mark_slice(rule_id: UUID) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        rule = RedactionRule.objects.select_for_update(skip_locked=True, of=("self",)).filter(id=rule_id).first()
        if rule is None or rule.marked_up_to is None:  # gone, or in another task's hands
            return 0
        cursor.execute(
            _MARK,
            {
                "tenant": rule.tenant_id,
                "pattern": rule.event_type,
                "after": rule.marked_up_to,
                "before": uuid7_floor(rule.changed_at + _SEEN_BY_ALL_AFTER + _CLOCK_SLACK),
                "limit": MARKED_AT_ONCE,
            },
        )
        marked, read, last_read = cursor.fetchone()
        rule.marked_up_to = last_read if read == MARKED_AT_ONCE else None
        rule.save(update_fields=["marked_up_to"])
    return int(marked)


def _marked_batches() -> Iterator[tuple[UUID, list[UUID]]]:
    """Yield the ids of what is marked, by tenant, each once."""
    tenant, after = UUID(int=0), UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_MARKED, {"tenant": tenant, "after": after, "limit": BATCH})
            rows: list[tuple[UUID, UUID]] = cursor.fetchall()
        for tenant_id, group in groupby(rows, key=lambda row: row[0]):
            yield tenant_id, [event_id for _, event_id in group]
        if len(rows) < BATCH:
            return
        tenant, after = rows[-1]


def _redact_batch(tenant_id: UUID, event_ids: Sequence[UUID]) -> int:
    redaction = Redaction(RedactionRule.objects.filter(tenant_id=tenant_id))
    with connection.cursor() as cursor:
        waiting = _still_waiting(cursor, event_ids)
        ended = [event_id for event_id in event_ids if event_id not in waiting]
        cursor.execute(_LOAD, {"events": ended})
        ids, bodies, states = [], [], []
        for event_id, event_type, body, was_redacted in cursor.fetchall():
            masked = redaction.masked(event_type or "", body)
            ids.append(event_id)
            bodies.append(masked)
            states.append("done" if was_redacted or masked != body else "")
        if ids:
            cursor.execute(_REWRITE, {"ids": ids, "bodies": bodies, "states": states})
    return states.count("done")


def _still_waiting(cursor: Any, event_ids: Sequence[UUID]) -> set[UUID]:
    """Lock the deliveries of these events and return the events of which one has not ended."""
    cursor.execute(
        _LOCK_DELIVERIES,
        {
            "events": list(event_ids),
            "oldest": uuid7_floor(uuid7_time(min(event_ids)) - _CLOCK_SLACK),
            "newest": uuid7_floor(uuid7_time(max(event_ids)) + _CLOCK_SLACK),
        },
    )
    rows: Iterable[tuple[UUID, str]] = cursor.fetchall()
    return {event_id for event_id, state in rows if state not in _ENDED}
