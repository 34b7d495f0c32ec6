"""What becomes of waiting deliveries when their webhook is disabled, enabled or deleted.

Every function but `expire_held` runs inside the caller's transaction and `tenant_scope`, under the lock on the webhook's row. What an
engine has leased is on the wire: disabling leaves it alone, deleting takes its queue row away (the engine then records
the attempt, but no longer the state). Rows of `due` are locked in the order of their ids, as recording transactions do,
so that the two never wait for each other in a circle.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from integrations.isolation.scope import tenant_scope
from webhooks.models import TargetKind, Webhook

HELD_FOR: Final = timedelta(days=7)
SWEPT_FOR: Final = timedelta(days=3)

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
    """Put the held deliveries of a webhook, which still says when it was disabled, back into the queue; return how many.

    Each is due when it would have been, at once where that is past. After 7 days all of them fail as expired instead.
    """
    if webhook.disabled_at is not None and webhook.disabled_at <= timezone.now() - HELD_FOR:
        _run(_EXPIRE, webhook)
        return 0
    return _run(_BRING_BACK, webhook)


def expire_held() -> int:
    """Fail what webhooks of any tenant, disabled 7 days ago, still hold; return how many. Safe to run beside itself."""
    now = timezone.now()
    disabled = Webhook.objects.filter(is_active=False, tenant__deleted_at=None)
    # What a sweep has gone through needs no other; the days beyond are for sweeps that were missed.
    due = disabled.filter(disabled_at__lte=now - HELD_FOR, disabled_at__gt=now - HELD_FOR - SWEPT_FOR)
    return sum(_expire_unless_enabled(webhook) for webhook in due.order_by("id").iterator())


def _expire_unless_enabled(webhook: Webhook) -> int:
    with tenant_scope(webhook.tenant_id):
        # Whoever enables it at this moment decides about its deliveries.
        rows = Webhook.objects.select_for_update(no_key=True)
        current = rows.filter(id=webhook.id, is_active=False, disabled_at=webhook.disabled_at).order_by("id").first()
        return _run(_EXPIRE, current) if current is not None else 0


def cancel_unfinished(webhook: Webhook) -> int:
    """Cancel every delivery of the webhook that is waiting, held or on the wire; return how many."""
    # An active webhook holds nothing, and looking for held rows reads its whole history.
    held = 0 if webhook.is_active else _run(_CANCEL_HELD, webhook)
    return held + _run(_CANCEL_WAITING, webhook)


def _run(statement: str, webhook: Webhook) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "tenant": webhook.tenant_id,
                "kind": TargetKind.WEBHOOK,
                "target": webhook.id,
                "now": timezone.now(),
                "reason": "expired: the webhook was disabled for 7 days",
            },
        )
        return int(cursor.rowcount)
