"""What becomes of waiting deliveries when their webhook is disabled, enabled or deleted.

There may be a million of them. So whoever switches a webhook says what is to become of them (`BacklogMove`), moves the
first few in the same transaction, and a task moves the rest a slice at a time, until nothing is left. What counts at
any moment is the webhook itself: an engine that meets a row of a disabled webhook in the queue holds it, and one of a
webhook that is gone is cancelled. What an engine has leased is on the wire: disabling leaves it alone, deleting takes
its queue row away (the engine then records the attempt, but no longer the state).

Locks: the webhook's row, then its move, then the queue. A slice takes the move alone: whoever switches the webhook
while one is under way waits for it, and what it then wants replaces what was wanted before. So a webhook may be
disabled and enabled again in the middle: each slice follows the last word.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from integrations.isolation.scope import tenant_scope
from webhooks.models import BEFORE_ALL, BEHIND_ALL, BacklogKind, BacklogMove, Webhook
from webhooks.queue import hint, hint_backlogs
from webhooks.services.backlog_slices import Size, Slice, move_slice

HELD_FOR: Final = timedelta(days=7)
# In the transaction of whoever switches the webhook, who waits for the answer; and of the task.
AT_ONCE: Final = Size(rows=1_000, read=10_000)
SLICE: Final = Size(rows=5_000, read=50_000)
# How long one run of the task goes on: other tasks want the worker process, too.
RUN_SECONDS: Final = 5.0


def hold_waiting(webhook: Webhook) -> int:
    """Begin to take the webhook's waiting deliveries out of the queue as `held`; return how many are at once."""
    return _begin(webhook, BacklogKind.HOLD)


def bring_back_held(webhook: Webhook) -> int:
    """Begin to put the held deliveries of a webhook, which still says when it was disabled, back into the queue.

    Each is due when it would have been, at once where that is past. After 7 days all of them fail as expired instead.
    Returns how many were moved at once.
    """
    is_too_late = webhook.disabled_at is not None and webhook.disabled_at <= timezone.now() - HELD_FOR
    return _begin(webhook, BacklogKind.EXPIRE if is_too_late else BacklogKind.BRING_BACK)


def cancel_unfinished(webhook: Webhook) -> int:
    """Begin to cancel every delivery of the webhook that is waiting, held or on the wire; return how many are at once."""
    # Only a webhook that was switched off once can hold anything, and looking for it reads its whole history.
    was_switched = not webhook.is_active or BacklogMove.objects.filter(webhook_id=webhook.id).exists()
    return _begin(webhook, BacklogKind.CANCEL, position=BEFORE_ALL if was_switched else BEHIND_ALL)


def expire_held() -> int:
    """Begin to fail what webhooks of any tenant, disabled 7 days ago, still hold; return how many failed at once.

    Safe to run beside itself.
    """
    disabled = Webhook.objects.filter(is_active=False, tenant__deleted_at=None)
    moves = BacklogMove.objects.filter(webhook_id=OuterRef("id"))
    # One that was expired holds nothing until somebody switches it; one that is under way comes to its end first.
    is_to_leave = Exists(moves.filter(Q(kind=BacklogKind.EXPIRE) | Q(finished_at=None)))
    due = disabled.filter(~is_to_leave, disabled_at__lte=timezone.now() - HELD_FOR)
    return sum(_expire_unless_enabled(webhook) for webhook in due.order_by("id").iterator())


def move_backlogs(*, seconds: float = RUN_SECONDS) -> int:
    """Take all unfinished moves further, a slice each in turn, until none is left or the time is over.

    Returns how many deliveries were moved. May run beside itself: a move that another run has in hand is passed by.
    """
    give_up_at = time.monotonic() + seconds
    total = 0
    while True:
        unfinished = BacklogMove.objects.filter(finished_at=None, tenant__deleted_at=None).order_by("started_at")
        is_idle = True
        for tenant_id, webhook_id in unfinished.values_list("tenant_id", "webhook_id"):
            if (done := _advance(tenant_id, webhook_id)) is not None:
                total, is_idle = total + done.moved, False
            if time.monotonic() > give_up_at:
                return total
        if is_idle:
            return total


def _expire_unless_enabled(webhook: Webhook) -> int:
    with tenant_scope(webhook.tenant_id):
        # Whoever enables it at this moment decides about its deliveries.
        rows = Webhook.objects.select_for_update(no_key=True)
        current = rows.filter(id=webhook.id, is_active=False, disabled_at=webhook.disabled_at).order_by("id").first()
        return _begin(current, BacklogKind.EXPIRE) if current is not None else 0


def _begin(webhook: Webhook, kind: BacklogKind, *, position: UUID = BEFORE_ALL) -> int:
    """Say what is wanted from now on and do the first slice of it, under the caller's lock on the webhook."""
    move, _ = BacklogMove.objects.update_or_create(
        webhook_id=webhook.id,
        defaults={
            "tenant_id": webhook.tenant_id,
            "kind": kind,
            "position": position,
            "moved": 0,
            "started_at": timezone.now(),
            "finished_at": None,
        },
    )
    done = _do(move, AT_ONCE)
    if not done.is_finished:
        transaction.on_commit(hint_backlogs)
    return done.moved


def _advance(tenant_id: UUID, webhook_id: UUID) -> Slice | None:
    """Do the next slice in a transaction of its own; None when another run has the move, or it is finished."""
    with tenant_scope(tenant_id):
        moves = BacklogMove.objects.select_for_update(skip_locked=True, of=("self",))
        move = moves.filter(webhook_id=webhook_id, finished_at=None).first()
        return _do(move, SLICE) if move is not None else None


def _do(move: BacklogMove, size: Size) -> Slice:
    done = move_slice(move, size)
    move.moved += done.moved
    if done.is_finished:
        move.finished_at = timezone.now()
    move.save(update_fields=["position", "moved", "finished_at"])
    if done.moved and move.kind == BacklogKind.BRING_BACK:
        transaction.on_commit(hint)
    return done
