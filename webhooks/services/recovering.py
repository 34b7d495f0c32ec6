"""Recovery: sending again everything that failed at a webhook in a time, as a job in the background.

A job is a row; every second a task takes each running job one slice further. There is no long-lived worker to lose: the
row's lock keeps two tasks from the same slice, and a slice that was interrupted never happened.

What is sent again queues up behind the webhook's fresh deliveries and before those that come later, so a slice is only
as large as what the endpoint got through since the last one: fresh deliveries wait for about a second's worth at most,
however much there is to recover. Other webhooks wait for nothing: each has its own places (`webhooks.engine.claim`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, IntegrityError, InterfaceError, connection, transaction
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.ids import uuid7_floor, uuid7_time
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.errors import TenantInactive, WebhookInactive
from webhooks.models import DeliveryState, Due, Recovery, RecoveryState, TargetKind, Webhook
from webhooks.queue import hint
from webhooks.services.locking import locked_webhook
from webhooks.services.retrying import send_again

logger = structlog.get_logger(__name__)

MOST_IN_SLICE: Final = 5000
# How many deliveries, whatever became of them, one slice reads: a day without failures must not become a long query.
MOST_READ: Final = 50_000
# Hosts' clocks differ, and a delivery's id is made a moment before its row.
_CLOCK_SLACK: Final = timedelta(minutes=5)

_NEXT: Final = """
    WITH read AS MATERIALIZED (
        SELECT id, state, created_at FROM webhooks_delivery
        WHERE tenant_id = %(tenant)s AND target_kind = %(kind)s AND target_id = %(webhook)s
            AND id > %(after)s AND id < %(before)s
        ORDER BY id LIMIT %(most_read)s
    ), failed AS (
        SELECT id FROM read WHERE state = 'failed' AND created_at >= %(since)s AND created_at < %(until)s
        ORDER BY id LIMIT %(room)s
    )
    SELECT array(SELECT id FROM failed), (SELECT count(*) FROM read), (SELECT id FROM read ORDER BY id DESC LIMIT 1)
"""


def start_recovery(
    *, actor: Actor, tenant: Tenant, webhook_id: UUID, since: datetime, until: datetime | None = None
) -> Recovery:
    """Begin to send again what was accepted from `since` up to but without `until` (now unless given) and failed.

    Raises InvalidInputError for a time that makes no sense, NotFoundError, TenantInactive, WebhookInactive, and
    ConflictError while another recovery of this webhook runs.
    """
    now = timezone.now()
    until = min(until or now, now)
    if since >= until:
        raise InvalidInputError({"since": ["This must be earlier than `until`, and in the past."]})
    with tenant_scope(tenant):
        webhook = locked_webhook(tenant, webhook_id)
        if not Tenant.objects.existing().filter(id=tenant.id, is_active=True).exists():
            raise TenantInactive("The tenant is inactive: nothing is sent for it.")
        if not webhook.is_active:
            raise WebhookInactive("The webhook is disabled: enable it first.")
        try:
            with transaction.atomic():
                recovery = Recovery.objects.create(
                    tenant=tenant,
                    webhook=webhook,
                    since=since,
                    until=until,
                    position=uuid7_floor(since - _CLOCK_SLACK),
                    slice_size=_first_slice(webhook),
                    created_by_id=actor.user_id,
                    created_by_name=actor.name,
                )
        except IntegrityError as error:
            raise ConflictError("A recovery of this webhook is running: wait for its end, or stop it.") from error
        record_activity(actor=actor, verb="webhook.recovery_started", target=webhook, tenant_id=tenant.id)
    return recovery


def stop_recovery(*, actor: Actor, tenant: Tenant, recovery_id: UUID) -> Recovery:
    """End a recovery where it is; what it has put into the queue is sent. One that has ended stays as it is.

    Raises NotFoundError.
    """
    with tenant_scope(tenant):
        rows = Recovery.objects.select_for_update(no_key=True).filter(tenant_id=tenant.id, id=recovery_id)
        recovery = rows.order_by("id").first()
        if recovery is None:
            raise NotFoundError("This tenant has no such recovery.")
        if recovery.state == RecoveryState.RUNNING:
            _end(recovery, RecoveryState.STOPPED, f"Stopped by {actor.name}."[:200])
            webhook = Webhook.objects.get(id=recovery.webhook_id)
            record_activity(actor=actor, verb="webhook.recovery_stopped", target=webhook, tenant_id=tenant.id)
    return recovery


def progress(recovery: Recovery) -> float:
    """Return how much of the time it covers a recovery has gone through, from 0 to 1."""
    if recovery.state == RecoveryState.DONE:
        return 1.0
    whole = (recovery.until - recovery.since).total_seconds()
    gone = (uuid7_time(recovery.position) - recovery.since).total_seconds()
    return min(max(gone / whole, 0.0), 1.0)


def advance_recoveries() -> int:
    """Take every running recovery one slice further; return how many deliveries are sent again. Safe beside itself.

    One whose slice the database refuses stays where it is, and holds up no other.
    """
    running = Recovery.objects.filter(state=RecoveryState.RUNNING, tenant__is_active=True, tenant__deleted_at=None)
    sent = 0
    for tenant_id, recovery_id in running.order_by("id").values_list("tenant_id", "id"):
        try:
            sent += _advance(tenant_id, recovery_id)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("recovery_not_advanced", recovery_id=str(recovery_id), reason=type(error).__name__)
    return sent


def _advance(tenant_id: UUID, recovery_id: UUID) -> int:
    with tenant_scope(tenant_id):
        rows = Recovery.objects.select_for_update(no_key=True, skip_locked=True)
        recovery = rows.filter(id=recovery_id, state=RecoveryState.RUNNING).order_by("id").first()
        if recovery is None:  # it has ended, or another task has it
            return 0
        webhook = Webhook.objects.get(id=recovery.webhook_id)
        if not webhook.is_active:
            _end(recovery, RecoveryState.STOPPED, "The webhook was disabled.")
            return 0
        room = _room(recovery, webhook)
        sent = _send_slice(recovery, room) if room else 0
        recovery.save()
        if sent:
            transaction.on_commit(hint)
    return sent


def _first_slice(webhook: Webhook) -> int:
    return 2 * webhook.max_concurrency


def _room(recovery: Recovery, webhook: Webhook) -> int:
    """Return how many more may be let into the queue, and adapt the slice to what the endpoint gets through."""
    due = Due.objects.filter(tenant_id=recovery.tenant_id, target_id=webhook.id, lease_by=None)
    waiting = due.filter(due_at__lte=timezone.now())[: recovery.slice_size].count()
    if waiting == 0:
        recovery.slice_size = min(2 * recovery.slice_size, MOST_IN_SLICE)
    elif waiting > recovery.slice_size // 2:
        recovery.slice_size = max(recovery.slice_size // 2, _first_slice(webhook))
    return max(recovery.slice_size - waiting, 0)


def _send_slice(recovery: Recovery, room: int) -> int:
    """Send up to `room` failed deliveries again and move the position behind what was looked at."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NEXT,
            {
                "tenant": recovery.tenant_id,
                "kind": TargetKind.WEBHOOK,
                "webhook": recovery.webhook_id,
                "after": recovery.position,
                "before": uuid7_floor(recovery.until + _CLOCK_SLACK),
                "since": recovery.since,
                "until": recovery.until,
                "most_read": MOST_READ,
                "room": room,
            },
        )
        failed, read, last_read = cursor.fetchone()
    sent = send_again(tenant_id=recovery.tenant_id, delivery_ids=failed, states=[DeliveryState.FAILED])
    recovery.retried += len(sent)
    recovery.skipped += len(failed) - len(sent)
    if len(failed) == room:
        recovery.position = failed[-1]
    elif read == MOST_READ:
        recovery.position = last_read
    else:
        _end(recovery, RecoveryState.DONE)
    return len(sent)


def _end(recovery: Recovery, state: RecoveryState, reason: str = "") -> None:
    recovery.state, recovery.reason, recovery.finished_at = state, reason, timezone.now()
    recovery.save()
