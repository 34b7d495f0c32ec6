"""Accepting: the one transaction after which a delivery is Signalbox's responsibility.

It writes the event, its payload once, a delivery for each webhook and a row in the queue for each delivery. Nothing is
sent here and the broker is not touched: an engine finds the rows of `due` by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from integrations.ids import uuid7, uuid7_floor, uuid7_time
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from integrations.postgresql import planned_statements
from webhooks.errors import IdempotencyConflict
from webhooks.models import TargetKind, Webhook
from webhooks.queue import hint
from webhooks.services.audience import Audience, Choose, Target, chosen
from webhooks.services.idempotency import KeyUse, remember
from webhooks.services.payloads import NewEvent, new_event


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """What a caller asks of these deliveries alone; None and blank leave it to the webhook."""

    max_retries: int | None = None
    timeout_ms: int | None = None
    retry_schedule: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """`delivery_ids`, ascending, and `workflow_names` belong together, in the order of the webhooks.

    `is_replay` tells that this was accepted earlier, under the same idempotency key.
    """

    event_id: UUID
    delivery_ids: tuple[UUID, ...]
    workflow_names: tuple[str, ...] = ()
    is_replay: bool = False


# One statement, and therefore one round trip, for any number of events and deliveries. `due_at` is the database's time,
# as everything that engines compare it with. COPY, which would be faster, is refused under row-level security.
_STORE: Final = """
    WITH event AS (
        INSERT INTO webhooks_event (id, tenant_id, event_type, triggered_by, metadata, created_at)
        SELECT id, %(tenant)s, event_type, triggered_by, metadata::jsonb, now()
        FROM unnest(%(events)s::uuid[], %(event_types)s::text[], %(triggers)s::text[], %(metadata)s::text[])
            AS new (id, event_type, triggered_by, metadata)
    ), payload AS (
        INSERT INTO webhooks_payload (id, tenant_id, body, redaction)
        SELECT id, %(tenant)s, body, CASE WHEN EXISTS (
            SELECT FROM webhooks_redactionrule AS rule
            WHERE rule.tenant_id = %(tenant)s AND (rule.event_type IN ('*', new.event_type)
                OR right(rule.event_type, 2) = '.*' AND starts_with(new.event_type, left(rule.event_type, -1)))
        ) THEN 'pending' ELSE '' END
        FROM unnest(%(events)s::uuid[], %(event_types)s::text[], %(bodies)s::text[]) AS new (id, event_type, body)
    ), delivery AS (
        INSERT INTO webhooks_delivery (id, tenant_id, target_kind, target_id, event_id, state, attempts, run,
            last_error, max_retries, timeout_ms, retry_schedule, next_attempt_at, created_at)
        SELECT id, %(tenant)s, %(kind)s, target_id, event_id, 'pending', 0, 1,
            '', %(max_retries)s, %(timeout_ms)s, %(retry_schedule)s, now(), now()
        FROM unnest(%(deliveries)s::uuid[], %(targets)s::uuid[], %(delivery_events)s::uuid[])
            AS new (id, target_id, event_id)
        RETURNING id, target_id, event_id
    )
    INSERT INTO webhooks_due (delivery_id, tenant_id, target_kind, target_id, event_id, due_at, attempt, run,
        max_retries, timeout_ms, retry_schedule)
    SELECT id, %(tenant)s, %(kind)s, target_id, event_id, now(), 0, 1,
        %(max_retries)s, %(timeout_ms)s, %(retry_schedule)s
    FROM delivery
"""

_STORED: Final = """
    SELECT delivery.event_id, delivery.id, coalesce(webhook.workflow_name, delivery.target_id::text)
    FROM webhooks_delivery AS delivery LEFT JOIN webhooks_webhook AS webhook ON webhook.id = delivery.target_id
    WHERE delivery.event_id = ANY(%(events)s::uuid[]) AND delivery.id >= %(oldest)s
    ORDER BY delivery.id
"""
# Deliveries are made right after their event, but clocks are set back now and then.
_CLOCK_SKEW: Final = timedelta(minutes=5)


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
    event = new_event(payload=payload, event_type=event_type, triggered_by=triggered_by, metadata=metadata)
    (accepted,) = accept_events(tenant=tenant, events=[event], choose=chosen(webhooks), rules=rules)
    if isinstance(accepted, IdempotencyConflict):
        raise accepted
    return accepted


def accept_events(
    *, tenant: Tenant, events: Sequence[NewEvent], choose: Choose, rules: DeliveryRules | None = None
) -> list[Accepted | IdempotencyConflict]:
    """Store events, each with a delivery for every webhook of its audience; answers are in the order of the events.

    A handful of statements, however many events. An event whose idempotency key was given within 24 hours is not
    stored: its answer is the first one, or the conflict if something else was given with the key. Composes with the
    caller's transaction. Raises what `choose` raises; nothing is stored then.
    """
    rules = rules or DeliveryRules()
    with tenant_scope(tenant):
        audience = choose(tenant)
        uses = [_key_use(event, audience, rules) for event in events]
        first_uses = {use.key: use for use in reversed(uses) if use.key}
        used = first_uses | remember(tenant_id=tenant.id, uses=list(first_uses.values()))
        new = [use.event_id for use in uses if not use.key or used[use.key] is use]
        stored = _store(tenant, dict(zip((use.event_id for use in uses), events, strict=True)), new, audience, rules)
        earlier = {used[use.key].event_id for use in uses if use.key} - stored.keys()
        stored |= {event_id: replace(answer, is_replay=True) for event_id, answer in _stored_earlier(earlier).items()}
    return [_answer(use, used.get(use.key, use), stored) for use in uses]


def _key_use(event: NewEvent, audience: Audience, rules: DeliveryRules) -> KeyUse:
    """Return the event's new id with its key, blank for none."""
    if event.idempotency_key is None:
        return KeyUse("", "", uuid7())
    content = f"{audience.route}\n{rules.max_retries} {rules.timeout_ms}\n{event.digest()}"
    return KeyUse(event.idempotency_key, sha256(content.encode()).hexdigest(), uuid7())


def _answer(use: KeyUse, first: KeyUse, stored: Mapping[UUID, Accepted]) -> Accepted | IdempotencyConflict:
    if use.fingerprint != first.fingerprint:
        return IdempotencyConflict(f"The idempotency key {use.key} was given before with something else.")
    answer = stored[first.event_id]
    return answer if use is first else replace(answer, is_replay=True)


def _store(
    tenant: Tenant,
    events: Mapping[UUID, NewEvent],
    new: Collection[UUID],
    audience: Audience,
    rules: DeliveryRules,
) -> dict[UUID, Accepted]:
    if not new:
        return {}
    stored: dict[UUID, Accepted] = {}
    targets: list[Target] = []
    for event_id in new:
        wanted = audience.targets_of(events[event_id].event_type)
        targets += wanted
        stored[event_id] = Accepted(
            event_id, tuple(sorted(uuid7() for _ in wanted)), tuple(target.workflow_name for target in wanted)
        )
    planned_statements.run(
        _STORE,
        {
            "tenant": tenant.id,
            "kind": TargetKind.WEBHOOK,
            "events": _uuids(new),
            "event_types": _texts(events[event_id].event_type for event_id in new),
            "triggers": _texts(events[event_id].triggered_by for event_id in new),
            "metadata": _texts(events[event_id].metadata for event_id in new),
            "bodies": _texts(events[event_id].body for event_id in new),
            "deliveries": _uuids(id_ for answer in stored.values() for id_ in answer.delivery_ids),
            "targets": _uuids(target.id for target in targets),
            "delivery_events": _uuids(answer.event_id for answer in stored.values() for _ in answer.delivery_ids),
            "max_retries": rules.max_retries,
            "timeout_ms": rules.timeout_ms,
            "retry_schedule": rules.retry_schedule,
        },
    )
    if targets:
        transaction.on_commit(hint)
    return stored


def _stored_earlier(event_ids: Collection[UUID]) -> dict[UUID, Accepted]:
    """Return what was answered when these events were accepted."""
    if not event_ids:
        return {}
    oldest = uuid7_floor(uuid7_time(min(event_ids)) - _CLOCK_SKEW)
    deliveries: dict[UUID, list[tuple[UUID, str]]] = {event_id: [] for event_id in event_ids}
    with connection.cursor() as cursor:
        cursor.execute(_STORED, {"events": _uuids(event_ids), "oldest": oldest})
        for event_id, delivery_id, workflow_name in cursor.fetchall():
            deliveries[event_id].append((delivery_id, workflow_name))
    return {
        event_id: Accepted(event_id, tuple(id_ for id_, _ in found), tuple(name for _, name in found))
        for event_id, found in deliveries.items()
    }


def _uuids(ids: Iterable[UUID]) -> str:
    """Return ids as an array literal: several times cheaper than a list, which psycopg quotes one by one."""
    return "{" + ",".join(map(str, ids)) + "}"


def _texts(texts: Iterable[str]) -> str:
    """Return texts as an array literal: PostgreSQL, "Array Input and Output Syntax"; each in quotes."""
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return '{"' + '","'.join(quoted) + '"}'
