"""What becomes of waiting deliveries when their webhook is disabled, enabled or deleted.

Every function runs inside the caller's transaction and `tenant_scope`, under the lock on the webhook's row. What an
engine has leased is on the wire: disabling leaves it alone, deleting takes its queue row away (the engine then records
the attempt, but no longer the state). Rows of `due` are locked in the order of their ids, as recording transactions do,
so that the two never wait for each other in a circle.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from integrations.ids import uuid7_floor
from webhooks.models import TargetKind, Webhook

HELD_FOR: Final = timedelta(days=7)

_HOLD: Final = """
    WITH waiting AS (
        SELECT delivery_id FROM webhooks_due
        WHERE tenant_id = %(tenant)s AND target_kind = %(kind)s AND target_id = %(target)s AND lease_by IS NULL
        ORDER BY delivery_id FOR UPDATE
    ), taken AS (
        DELETE FROM webhooks_due AS due USING waiting WHERE due.delivery_id = waiting.delivery_id
        RETURNING due.delivery_id, due.attempt, due.due_at
    )
    UPDATE webhooks_delivery AS delivery
    SET state = 'held', attempts = taken.attempt, next_attempt_at = taken.due_at
    FROM taken WHERE delivery.id = taken.delivery_id
"""

_BRING_BACK: Final = """
    WITH back AS (
        UPDATE webhooks_delivery
        SET state = CASE WHEN attempts > 0 THEN 'retrying' ELSE 'pending' END,
            next_attempt_at = greatest(next_attempt_at, %(now)s)
        WHERE tenant_id = %(tenant)s AND target_kind = %(kind)s AND target_id = %(target)s AND state = 'held'
            AND id >= %(oldest)s
        RETURNING *
    )
    INSERT INTO webhooks_due (delivery_id, tenant_id, target_kind, target_id, event_id, due_at, attempt, run,
        max_retries, timeout_ms, retry_schedule)
    SELECT id, tenant_id, target_kind, target_id, event_id, next_attempt_at, attempts, run,
        max_retries, timeout_ms, retry_schedule
    FROM back ORDER BY id
    ON CONFLICT (delivery_id) DO NOTHING
"""

_EXPIRE: Final = """
    UPDATE webhooks_delivery
    SET state = 'failed', last_error = %(reason)s, next_attempt_at = NULL, finished_at = %(now)s
    WHERE tenant_id = %(tenant)s AND target_kind = %(kind)s AND target_id = %(target)s AND state = 'held'
        AND id < %(oldest)s
"""

_CANCEL_WAITING: Final = """
    WITH waiting AS (
        SELECT delivery_id FROM webhooks_due
        WHERE tenant_id = %(tenant)s AND target_kind = %(kind)s AND target_id = %(target)s
        ORDER BY delivery_id FOR UPDATE
    ), taken AS (
        DELETE FROM webhooks_due AS due USING waiting WHERE due.delivery_id = waiting.delivery_id
        RETURNING due.delivery_id, due.attempt
    )
    UPDATE webhooks_delivery AS delivery
    SET state = 'cancelled', attempts = taken.attempt, next_attempt_at = NULL, finished_at = %(now)s
    FROM taken WHERE delivery.id = taken.delivery_id
"""

_CANCEL_HELD: Final = """
    UPDATE webhooks_delivery SET state = 'cancelled', next_attempt_at = NULL, finished_at = %(now)s
    WHERE tenant_id = %(tenant)s AND target_kind = %(kind)s AND target_id = %(target)s AND state = 'held'
"""


def hold_waiting(webhook: Webhook) -> int:
    """Take the webhook's waiting deliveries out of the queue as `held`; return how many."""
    return _run(_HOLD, webhook)


def bring_back_held(webhook: Webhook) -> int:
    """Put the webhook's held deliveries back into the queue; return how many.

    Each is due when it would have been, at once where that is past. Those accepted more than 7 days ago fail as expired.
    """
    _run(_EXPIRE, webhook)
    return _run(_BRING_BACK, webhook)


def cancel_unfinished(webhook: Webhook) -> int:
    """Cancel every delivery of the webhook that is waiting, held or on the wire; return how many."""
    # An active webhook holds nothing, and looking for held rows reads its whole history.
    held = 0 if webhook.is_active else _run(_CANCEL_HELD, webhook)
    return held + _run(_CANCEL_WAITING, webhook)


def _run(statement: str, webhook: Webhook) -> int:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "tenant": webhook.tenant_id,
                "kind": TargetKind.WEBHOOK,
                "target": webhook.id,
                "now": now,
                "oldest": uuid7_floor(now - HELD_FOR),
                "reason": "expired: the webhook was disabled for 7 days",
            },
        )
        return int(cursor.rowcount)
