"""Stand-ins for what other rooms tell alerts: each says what a test put into it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from analytics.alerts.ports import WatchedObject
from integrations.ids import uuid7


def watched(tenant_id: UUID, name: str = "orders", **fields: object) -> WatchedObject:
    values: dict[str, object] = {"id": uuid7(), "since": None, "reason": "the endpoint answered 410 Gone"}
    return WatchedObject(tenant_id=tenant_id, name=name, **(values | fields))


@dataclass
class Webhooks:
    """In place of `webhooks.watch.watch`. `known` are the names of webhooks; None: every one is called `orders`."""

    known: dict[UUID, str] | None = None
    disabled: list[WatchedObject] = field(default_factory=list)
    breakers: list[WatchedObject] = field(default_factory=list)
    lag: timedelta = timedelta(0)
    error: Exception | None = None

    def names(self, tenant_id: UUID | None, ids: Collection[UUID]) -> dict[UUID, str]:
        known = dict.fromkeys(ids, "orders") if self.known is None else self.known
        return {key: name for key, name in known.items() if key in ids}

    def auto_disabled(self, tenant_id: UUID | None) -> list[WatchedObject]:
        if self.error is not None:
            raise self.error
        return self._of(self.disabled, tenant_id)

    def open_breakers(self, tenant_id: UUID | None) -> list[WatchedObject]:
        return self._of(self.breakers, tenant_id)

    def delivery_lag(self, tenant_id: UUID | None) -> timedelta:
        return self.lag

    @staticmethod
    def _of(rows: list[WatchedObject], tenant_id: UUID | None) -> list[WatchedObject]:
        return [row for row in rows if tenant_id in {None, row.tenant_id}]


@dataclass
class Credentials:
    """In place of `integrations.credential_watch.watch`."""

    broken: list[WatchedObject] = field(default_factory=list)
    ending: list[WatchedObject] = field(default_factory=list)
    closed: list[WatchedObject] = field(default_factory=list)

    def failing(self, tenant_id: UUID | None) -> list[WatchedObject]:
        return self.broken

    def expiring(self, tenant_id: UUID | None, *, now: datetime, before: datetime) -> list[WatchedObject]:
        return [row for row in self.ending if row.since is not None and now < row.since < before]

    def unreadable(self, tenant_id: UUID | None) -> list[WatchedObject]:
        return self.closed


@dataclass(frozen=True)
class Measured:
    requests: int
    p95_seconds: float | None


@dataclass
class API:
    """In place of who measures the API."""

    measured: Measured | None = None
    minutes: int | None = None

    def __call__(self, minutes: int) -> Measured | None:
        self.minutes = minutes
        return self.measured
