"""This room's part of deleting a tenant: its queue, deliveries, events and webhooks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Case, Model, QuerySet, Sum, When
from django.utils import timezone

from webhooks.engine.limits import SILENT_AFTER_SECONDS
from webhooks.models import (
    BacklogMove,
    Delivery,
    Due,
    Engine,
    Event,
    IdempotencyKey,
    InboundKey,
    InboundRequest,
    Payload,
    Receiver,
    ReceiverCount,
    Recovery,
    RedactionRule,
    TenantRuntime,
    Webhook,
    WebhookRuntime,
    WebhookStats,
)

BATCH: Final = 5_000

# In the order of deletion, each with the column by which its rows are walked: the queue first, so that nothing is
# sent any more; what refers to webhooks before the webhooks.
_TABLES: Final[tuple[tuple[type[Model], str], ...]] = (
    (Due, "delivery_id"),
    (IdempotencyKey, "key"),
    (Delivery, "id"),
    (Payload, "id"),
    (Event, "id"),
    (TenantRuntime, "tenant_id"),
    (WebhookRuntime, "webhook_id"),
    (WebhookStats, "webhook_id"),
    (Recovery, "id"),
    (RedactionRule, "id"),
    (BacklogMove, "webhook_id"),
    (InboundKey, "key"),
    (InboundRequest, "id"),
    (ReceiverCount, "receiver_id"),
    (Receiver, "id"),
    (Webhook, "id"),
)

# Locked in the order of their ids, as recording transactions do, so that none waits for another in a circle.
_EMPTY_QUEUE: Final = """
    WITH waiting AS (
        SELECT delivery_id FROM webhooks_due
        WHERE delivery_id = ANY(ARRAY(SELECT delivery_id FROM webhooks_due WHERE tenant_id = %s LIMIT %s))
        ORDER BY delivery_id FOR UPDATE
    )
    DELETE FROM webhooks_due AS due USING waiting WHERE due.delivery_id = waiting.delivery_id
"""


class WebhooksDataOwner:
    """Owner of the tables above."""

    def stop(self, tenant_id: UUID) -> None:
        """Empty the tenant's queue within the caller's transaction, as far as one batch goes.

        Nothing is sent for a deleted tenant: claims pass it by. The rest is for the sweep, which begins with the queue.
        """
        with connection.cursor() as cursor:
            cursor.execute(_EMPTY_QUEUE, [tenant_id, BATCH])

    def in_flight(self, since: datetime) -> int:
        """Return how many deliveries running engines had in hand; one that was not heard of since counts as busy."""
        alive = Engine.objects.filter(heartbeat_at__gt=timezone.now() - timedelta(seconds=SILENT_AFTER_SECONDS))
        return alive.aggregate(busy=Sum(Case(When(heartbeat_at__lte=since, then=1), default="in_flight")))["busy"] or 0

    def count(self, tenant_id: UUID | None) -> dict[str, int]:
        """Return the number of rows by table, of one tenant or of all."""
        return {model._meta.db_table: _rows(model, tenant_id).count() for model, _ in _TABLES}

    def delete(self, tenant_id: UUID | None) -> dict[str, int]:
        """Delete in short transactions and return how many rows went from each table, of one tenant or of all.

        May run beside itself, and again after it was interrupted.
        """
        return {model._meta.db_table: _delete_in_batches(_rows(model, tenant_id), key) for model, key in _TABLES}


def _rows(model: type[Model], tenant_id: UUID | None) -> QuerySet[Any]:
    rows = model._base_manager.all()
    return rows if tenant_id is None else rows.filter(tenant_id=tenant_id)


def _delete_in_batches(rows: QuerySet[Any], key: str) -> int:
    """Walk through the rows by their key, so that of a partitioned table each batch opens the partitions of its range."""
    total = 0
    while batch := list(rows.order_by(key).values_list(key, flat=True)[:BATCH]):
        _, deleted = rows.filter(**{f"{key}__gte": batch[0], f"{key}__lte": batch[-1]}).delete()
        total += deleted.get(rows.model._meta.label, 0)
    return total


owner = WebhooksDataOwner()
