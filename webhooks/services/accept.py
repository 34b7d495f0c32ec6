"""Accepting: the one transaction after which a delivery is Signalbox's responsibility.

It writes the event, its payload once, a delivery for each webhook and a row in the queue for each delivery. Nothing is
sent here and the broker is not touched: an engine finds the rows of `due` by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.errors import TenantInactive, WebhookInactive, WebhookNotConfigured
from webhooks.models import TargetKind, Webhook
from webhooks.queue import hint
from webhooks.services.payloads import checked_metadata, checked_triggered_by, payload_text
from webhooks.target_url import target_url


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """What a caller asks of these deliveries alone; None and blank leave it to the webhook."""

    max_retries: int | None = None
    timeout_ms: int | None = None
    retry_schedule: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """`delivery_ids` are in the order of the webhooks."""

    event_id: UUID
    delivery_ids: tuple[UUID, ...]


# One statement, and therefore one round trip, for any number of deliveries. `due_at` is the database's time, as
# everything that engines compare it with.
_STORE: Final = """
    WITH event AS (
        INSERT INTO webhooks_event (id, tenant_id, event_type, triggered_by, metadata, created_at)
        VALUES (%(event)s, %(tenant)s, %(event_type)s, %(triggered_by)s, %(metadata)s::jsonb, now())
    ), payload AS (
        INSERT INTO webhooks_payload (id, tenant_id, body) VALUES (%(event)s, %(tenant)s, %(body)s)
    ), delivery AS (
        INSERT INTO webhooks_delivery (id, tenant_id, target_kind, target_id, event_id, state, attempts, run,
            last_error, max_retries, timeout_ms, retry_schedule, next_attempt_at, created_at)
        SELECT id, %(tenant)s, %(kind)s, target_id, %(event)s, 'pending', 0, 1,
            '', %(max_retries)s, %(timeout_ms)s, %(retry_schedule)s, now(), now()
        FROM unnest(%(deliveries)s::uuid[], %(targets)s::uuid[]) AS new (id, target_id)
        RETURNING id, target_id
    )
    INSERT INTO webhooks_due (delivery_id, tenant_id, target_kind, target_id, event_id, due_at, attempt, run,
        max_retries, timeout_ms, retry_schedule)
    SELECT id, %(tenant)s, %(kind)s, target_id, %(event)s, now(), 0, 1,
        %(max_retries)s, %(timeout_ms)s, %(retry_schedule)s
    FROM delivery
"""


def accept_event(
    *,
    tenant: Tenant,
    payload: object,
    webhooks: Sequence[Webhook],
    event_type: str = "",
    triggered_by: str = "",
    metadata: Mapping[str, Any] | None = None,
    rules: DeliveryRules | None = None,
) -> Accepted:
    """Store an event with a delivery for each webhook; when the outermost transaction commits, they will be sent.

    Composes with the caller's transaction: rolled back with it. Raises InvalidInputError for a payload that is no JSON
    object, is too large or cannot be stored, TenantInactive, WebhookInactive, and WebhookNotConfigured for a webhook
    that is gone or has nowhere to send to. Nothing is stored then.
    """
    body = payload_text(payload)
    notes = checked_metadata(metadata)
    trigger = checked_triggered_by(triggered_by)
    rules = rules or DeliveryRules()
    accepted = Accepted(uuid7(), tuple(uuid7() for _ in webhooks))
    with tenant_scope(tenant):
        _require_active_tenant(tenant)
        _require_active_webhooks(webhooks)
        with connection.cursor() as cursor:
            cursor.execute(
                _STORE,
                {
                    "tenant": tenant.id,
                    "event": accepted.event_id,
                    "event_type": event_type,
                    "triggered_by": trigger,
                    "metadata": json.dumps(notes),
                    "body": body,
                    "kind": TargetKind.WEBHOOK,
                    "deliveries": list(accepted.delivery_ids),
                    "targets": [webhook.id for webhook in webhooks],
                    "max_retries": rules.max_retries,
                    "timeout_ms": rules.timeout_ms,
                    "retry_schedule": rules.retry_schedule,
                },
            )
        transaction.on_commit(hint)
    return accepted


def _require_active_tenant(tenant: Tenant) -> None:
    if not Tenant.objects.existing().filter(id=tenant.id, is_active=True).exists():
        raise TenantInactive(f"The tenant {tenant.slug} is inactive and accepts nothing.")


def _require_active_webhooks(webhooks: Sequence[Webhook]) -> None:
    """Look again: the caller's instances may be old. (Whoever disables one right after this holds its deliveries.)"""
    stored = dict(Webhook.objects.filter(id__in=[webhook.id for webhook in webhooks]).values_list("id", "is_active"))
    for webhook in webhooks:
        if webhook.id not in stored:
            raise WebhookNotConfigured(f"There is no webhook {webhook.workflow_name} any more.")
        if not stored[webhook.id]:
            raise WebhookInactive(f"The webhook {webhook.workflow_name} is disabled: enable it first.")
        if webhook.url is None:
            target_url(webhook)  # raises where none can be derived
