"""Sending again what has ended, at somebody's wish: a new run of the same delivery, with the same `webhook-id`.

A new run counts anew, follows the rules that the caller gave at first, and goes to where the webhook points now.
Both statements lock deliveries in the order of their ids; what ended has no row in the queue, so that no engine
touches it meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.errors import TenantInactive
from webhooks.models import REDACTED, Delivery, DeliveryState, Due, Payload, TargetKind, Webhook
from webhooks.queue import hint

MOST_AT_ONCE: Final = 1000
FINISHED: Final = (DeliveryState.FAILED, DeliveryState.CANCELLED, DeliveryState.SUCCEEDED)

_AGAIN: Final = """
    WITH ended AS MATERIALIZED (
        SELECT id FROM webhooks_delivery
        WHERE tenant_id = %(tenant)s AND target_kind = %(kind)s AND id = ANY(%(ids)s::uuid[]) AND state = ANY(%(states)s)
            AND EXISTS (SELECT 1 FROM webhooks_payload AS payload
                WHERE payload.id = webhooks_delivery.event_id AND payload.redaction NOT IN ('done', 'again'))
        ORDER BY id FOR UPDATE
    ), again AS (
        UPDATE webhooks_delivery AS delivery
        SET state = 'pending', run = delivery.run + 1, attempts = 0, next_attempt_at = now(), finished_at = NULL
        FROM ended WHERE delivery.id = ended.id AND delivery.id = ANY(%(ids)s::uuid[])
        RETURNING delivery.*
    )
    INSERT INTO webhooks_due (delivery_id, tenant_id, target_kind, target_id, event_id, due_at, attempt, run,
        max_retries, timeout_ms, retry_schedule)
    SELECT id, tenant_id, target_kind, target_id, event_id, now(), 0, run, max_retries, timeout_ms, retry_schedule
    FROM again ORDER BY id
    RETURNING delivery_id
"""


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of several: those that are on their way again, and why the others are not, by id."""

    retried: list[UUID] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)


def retry_delivery(*, actor: Actor, tenant: Tenant, delivery_id: UUID) -> None:
    """Send a delivery that has ended again, or one that waits for its next attempt at once.

    Safe to call twice: the second call finds a delivery that waits. Raises NotFoundError; TenantInactive; ConflictError
    for one that is on the wire at this moment or held, whose webhook is disabled or gone, or whose payload is gone.
    """
    with tenant_scope(tenant):
        delivery = _deliveries(tenant).filter(id=delivery_id).first()
        if delivery is None:
            raise NotFoundError("This tenant has no such delivery.")
        _refuse_inactive(tenant)
        if reason := _reason_against(tenant, [delivery]).get(delivery.id):
            raise ConflictError(reason)
        verb = "delivery.retried"
        if not _begun_again(delivery):
            _send_now(delivery)
            verb = "delivery.hastened"
        _record(actor, tenant, verb, delivery.id)
        transaction.on_commit(hint)


def _deliveries(tenant: Tenant) -> QuerySet[Delivery]:
    """Return the tenant's deliveries to webhooks: nothing else is ever sent a second time."""
    return Delivery.objects.filter(tenant_id=tenant.id, target_kind=TargetKind.WEBHOOK)


def retry_deliveries(*, actor: Actor, tenant: Tenant, delivery_ids: Sequence[UUID]) -> Retried:
    """Send up to 1,000 deliveries that have ended again; one that cannot be sent does not keep the others.

    Raises TenantInactive.
    """
    wanted = sorted(set(delivery_ids))[:MOST_AT_ONCE]
    with tenant_scope(tenant):
        _refuse_inactive(tenant)
        found = list(_deliveries(tenant).filter(id__in=wanted).order_by("id"))
        refused = _reason_against(tenant, found)
        refused |= {
            delivery.id: "It has not ended yet."
            for delivery in found
            if delivery.state not in FINISHED and delivery.id not in refused
        }
        refused |= dict.fromkeys(set(wanted) - {row.id for row in found}, "This tenant has no such delivery.")
        retried = send_again(tenant_id=tenant.id, delivery_ids=[id_ for id_ in wanted if id_ not in refused])
        for delivery_id in retried:
            _record(actor, tenant, "delivery.retried", delivery_id)
        if retried:
            transaction.on_commit(hint)
    return Retried(retried, refused)


def send_again(
    *, tenant_id: UUID, delivery_ids: Sequence[UUID], states: Sequence[DeliveryState] = FINISHED
) -> list[UUID]:
    """Begin a new run of those deliveries that are in one of `states` and have their payload whole; return their ids, ascending.

    Inside the caller's transaction and scope. Whether the webhook may be sent to is the caller's to know: an engine
    holds what goes to a disabled one.
    """
    if not delivery_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _AGAIN,
            {
                "tenant": tenant_id,
                "kind": TargetKind.WEBHOOK,
                "ids": [str(id_) for id_ in delivery_ids],
                "states": [state.value for state in states],
            },
        )
        return sorted(row[0] for row in cursor.fetchall())


def _begun_again(delivery: Delivery) -> bool:
    """Begin a new run if the delivery has ended, and hold no lock if it has not.

    One that somebody else sent again while this waited for its row would stay locked, and its row of the queue has to
    be locked before it, as engines do: the savepoint gives the lock back.
    """
    savepoint = transaction.savepoint()
    if send_again(tenant_id=delivery.tenant_id, delivery_ids=[delivery.id]):
        transaction.savepoint_commit(savepoint)
        return True
    transaction.savepoint_rollback(savepoint)
    return False


def _send_now(delivery: Delivery) -> None:
    """Let a waiting delivery's next attempt be due now. Raises ConflictError when it does not wait."""
    if delivery.state == DeliveryState.HELD:
        raise ConflictError("It is held, and on its way back into the queue: look at it again in a moment.")
    waiting = Due.objects.filter(tenant_id=delivery.tenant_id, delivery_id=delivery.id, lease_by=None)
    locked = waiting.select_for_update().first()
    if locked is None:
        raise ConflictError("It is being sent at this moment: look at its attempts, and try again when it has ended.")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_due SET due_at = now() WHERE delivery_id = %s", [delivery.id])
        cursor.execute("UPDATE webhooks_delivery SET next_attempt_at = now() WHERE id = %s", [delivery.id])


def _reason_against(tenant: Tenant, deliveries: Sequence[Delivery]) -> dict[UUID, str]:
    """Return why deliveries cannot be sent again now, by id; a few queries for any number."""
    targets = {delivery.target_id for delivery in deliveries}
    active = dict(Webhook.objects.filter(tenant_id=tenant.id, id__in=targets).values_list("id", "is_active"))
    events = {delivery.event_id for delivery in deliveries}
    payloads = dict(Payload.objects.filter(tenant_id=tenant.id, id__in=events).values_list("id", "redaction"))
    reasons: dict[UUID, str] = {}
    for delivery in deliveries:
        if delivery.target_id not in active:
            reasons[delivery.id] = "Its webhook was deleted: there is nowhere to send it."
        elif not active[delivery.target_id]:
            reasons[delivery.id] = "Its webhook is disabled: enable it first."
        elif delivery.event_id not in payloads:
            reasons[delivery.id] = "Its payload is gone, by retention: publish the event anew."
        elif payloads[delivery.event_id] in REDACTED:
            reasons[delivery.id] = "Its payload was redacted when it had been delivered: publish the event anew."
    return reasons


def _refuse_inactive(tenant: Tenant) -> None:
    if not Tenant.objects.existing().filter(id=tenant.id, is_active=True).exists():
        raise TenantInactive("The tenant is inactive: nothing is sent for it.")


def _record(actor: Actor, tenant: Tenant, verb: str, delivery_id: UUID) -> None:
    record_activity(
        actor=actor,
        verb=verb,
        tenant_id=tenant.id,
        object_kind="delivery",
        object_id=delivery_id,
        object_name=str(delivery_id),
    )
