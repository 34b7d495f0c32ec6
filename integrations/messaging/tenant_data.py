"""The messages' part of deleting a tenant. Whatever waits in the queue goes first, with its owner."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from integrations.messaging.models import Message

BATCH: Final = 5_000


class MessagesDataOwner:
    """Owner of the messages."""

    def stop(self, tenant_id: UUID) -> None:
        """Do nothing: what waits to be sent is the queue's."""

    def in_flight(self, since: datetime) -> int:
        """Return 0: whoever writes messages besides callers is the engine, and its own room counts that."""
        return 0

    def count(self, tenant_id: UUID | None) -> dict[str, int]:
        return {Message._meta.db_table: _rows(tenant_id).count()}

    def delete(self, tenant_id: UUID | None) -> dict[str, int]:
        rows = _rows(tenant_id)
        total = 0
        while batch := list(rows.order_by("id").values_list("id", flat=True)[:BATCH]):
            total += rows.filter(id__in=batch).delete()[0]
        return {Message._meta.db_table: total}


def _rows(tenant_id: UUID | None) -> QuerySet[Any]:
    rows = Message._base_manager.all()
    return rows if tenant_id is None else rows.filter(tenant_id=tenant_id)


owner = MessagesDataOwner()
