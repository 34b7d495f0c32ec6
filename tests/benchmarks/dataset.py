"""Tenants and webhooks, made by the services; and deliveries that wait for them, loaded with COPY.

What is loaded is what accepting writes: an event, its payload, a delivery and a row in the queue. Columns come from
the models, and what is not said here has their defaults.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import models

from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.services.api_keys import create_api_key
from integrations.services.tenants import create_tenant
from tests.benchmarks.bare_loop import BODY
from webhooks.models import Delivery, Due, Event, Payload, Webhook
from webhooks.services.webhooks import create_webhook

ACTOR = Actor.system("benchmark")
TYPE = "order.created"
WEBHOOKS = 50


def make_tenant(name: str) -> Tenant:
    return create_tenant(actor=ACTOR, name=name, slug=f"{name}-{secrets.token_hex(3)}")


def make_key(tenant: Tenant) -> str:
    """Make an API key that may do everything, often; return the value of its `Authorization` header."""
    issued = create_api_key(actor=ACTOR, tenant=tenant, access=None, name="bench", scopes=["*"], rate_limit=1_000_000)
    return f"Bearer {issued.text}"


def make_webhooks(tenant: Tenant, url: str, count: int, **fields: Any) -> list[Webhook]:
    """Make webhooks that are signed and carry a bearer token; each has an address of its own at the receiver."""
    return [
        create_webhook(
            actor=ACTOR,
            tenant=tenant,
            workflow_name=f"hook_{secrets.token_hex(4)}",
            url=f"{url}/{number}",
            auth_token=secrets.token_hex(20),
            **fields,
        )
        for number in range(count)
    ]


class _Table:
    """One table's COPY: a line has the defaults of its model but for the columns named here."""

    def __init__(self, model: type[models.Model], *names: str) -> None:
        fields = [
            column for column in model._meta.concrete_fields if column.get_internal_type() != "CompositePrimaryKey"
        ]
        columns = [column.attname for column in fields]
        self.statement = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"
        defaults = [_as_text(None if column.primary_key else column.get_default()) for column in fields]
        parts = [
            f"%({name})s" if name in names else text.replace("%", "%%")
            for name, text in zip(columns, defaults, strict=True)
        ]
        self._line = "\t".join(parts) + "\n"

    def line(self, **values: object) -> str:
        return self._line % values


def _as_text(value: object) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value)


@dataclass(slots=True)
class Batch:
    """Rows that are stored together, in one transaction."""

    events: list[str] = field(default_factory=list)
    payloads: list[str] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    due: list[str] = field(default_factory=list)


class Loader:
    """Builds and stores deliveries. It knows neither the services nor the engine, only their tables."""

    def __init__(self) -> None:
        self._event = _Table(Event, "id", "tenant_id", "event_type", "created_at")
        self._payload = _Table(Payload, "id", "tenant_id", "body")
        ours = ("tenant_id", "target_id", "event_id")
        self._delivery = _Table(Delivery, "id", *ours, "created_at", "next_attempt_at")
        self._due = _Table(Due, "delivery_id", *ours, "due_at")
        self._body = BODY.decode()

    def add(self, batch: Batch, *, tenant_id: UUID, target_ids: Iterable[UUID], at: datetime) -> None:
        """Add one event with a delivery for each target, due `at`."""
        event_id, moment = uuid7(), at.isoformat()
        batch.events.append(self._event.line(id=event_id, tenant_id=tenant_id, event_type=TYPE, created_at=moment))
        batch.payloads.append(self._payload.line(id=event_id, tenant_id=tenant_id, body=self._body))
        for target_id in target_ids:
            row = {"tenant_id": tenant_id, "target_id": target_id, "event_id": event_id, "id": uuid7()}
            batch.deliveries.append(self._delivery.line(**row, created_at=moment, next_attempt_at=moment))
            batch.due.append(self._due.line(**row, delivery_id=row["id"], due_at=moment))

    def store(self, connection: Any, batch: Batch) -> None:
        """Store a batch in one transaction of psycopg's `connection`."""
        tables = (
            *((self._event, batch.events), (self._payload, batch.payloads)),
            *((self._delivery, batch.deliveries), (self._due, batch.due)),
        )
        with connection.transaction(), connection.cursor() as cursor:
            for table, lines in tables:
                with cursor.copy(table.statement) as copy:
                    copy.write("".join(lines))

    def load(
        self,
        connection: Any,
        tenant_id: UUID,
        target_ids: Sequence[UUID],
        *,
        deliveries: int,
        fan_out: int = 1,
        is_due: bool = True,
    ) -> None:
        """Load so many deliveries, spread evenly over the targets, each event for `fan_out` of them; one transaction.

        What is not `is_due` is in no engine's queue.
        """
        with connection.transaction():
            for start in range(0, deliveries, 10_000):
                batch = Batch()
                now = datetime.now(UTC)
                for first in range(start, min(start + 10_000, deliveries), fan_out):
                    targets = [target_ids[(first + i) % len(target_ids)] for i in range(fan_out)]
                    self.add(batch, tenant_id=tenant_id, target_ids=targets, at=now)
                if not is_due:
                    batch.due.clear()
                self.store(connection, batch)
