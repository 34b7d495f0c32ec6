"""Call rows for tests, written the way the delivery engine writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from analytics.recording import CallRecord, copy_calls, upsert_rollups
from integrations.ids import uuid7, uuid7_floor

# Within the partitions that migrations make, and never at the edge of an hour.
NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)


def id_at(moment: datetime) -> UUID:
    """Return a new id that was made at `moment`."""
    return UUID(int=uuid7_floor(moment).int | uuid7().int & ((1 << 62) - 1))


def call(*, tenant_id: UUID, **changes: Any) -> CallRecord:
    """Return a successful, final first attempt of a webhook of its own, unless told otherwise.

    Its id is that of its timestamp.
    """
    values: dict[str, Any] = {
        "target_id": uuid7(),
        "workflow_name": "order_created",
        "event_id": uuid7(),
        "attempt": 1,
        "is_final": True,
        "status_code": 200,
        "response_time_ms": 60,
        "success": True,
        "timestamp": NOW,
    }
    values.update(changes)
    # Its delivery was accepted then, too: whoever reads a delivery's calls looks no further back.
    values.setdefault("delivery_id", id_at(values["timestamp"]))
    values.setdefault("id", id_at(values["timestamp"]))
    return CallRecord(tenant_id=tenant_id, **values)


def record(calls: Sequence[CallRecord]) -> None:
    """Record attempts in one transaction, as the owner role."""
    with transaction.atomic(), connection.cursor() as wrapper:
        copy_calls(wrapper.cursor, calls)
        upsert_rollups(wrapper.cursor, calls)


def spread(count: int, *, tenant_id: UUID, target_id: UUID, days: int = 1, **changes: Any) -> list[CallRecord]:
    """Return calls of one webhook, the oldest first, spread evenly over the last `days`."""
    step = timedelta(days=days) / count
    return [
        call(tenant_id=tenant_id, target_id=target_id, timestamp=NOW - step * (count - position), **changes)
        for position in range(1, count + 1)
    ]


@dataclass
class KnownWebhook:
    id: UUID
    name: str
    tenant_id: UUID = field(default_factory=uuid7)
    is_active: bool = True
    last_called_at: datetime | None = None


@dataclass
class Directory:
    """A directory that knows what a test tells it."""

    webhooks: list[KnownWebhook] = field(default_factory=list)
    bodies: dict[UUID, str] = field(default_factory=dict)
    asked: list[set[UUID]] = field(default_factory=list)

    def find(self, tenant_id: UUID, reference: str) -> KnownWebhook | None:
        return next((known for known in self.webhooks if reference in {str(known.id), known.name}), None)

    def names(self, tenant_id: UUID, ids: Any) -> dict[UUID, str]:
        return {known.id: known.name for known in self.webhooks if known.id in ids}

    def listed(self, tenant_id: UUID | None, *, limit: int, ids: Any = None) -> list[KnownWebhook]:
        return [known for known in self.webhooks if ids is None or known.id in ids][:limit]

    def payloads(self, tenant_id: UUID, event_ids: Any) -> dict[UUID, str]:
        self.asked.append(set(event_ids))
        return {event_id: self.bodies[event_id] for event_id in event_ids if event_id in self.bodies}
