"""Write finished attempts: the one way into the tables of this room.

Both functions run inside the caller's transaction, as the owner role, in this order: `copy_calls` first,
`upsert_rollups` after every lock on deliveries is taken. They lock nothing but the rollups they add to, in the order
of their keys, so that writers side by side never wait for each other in a circle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor
from psycopg.sql import SQL, Identifier

from analytics.histogram import BUCKETS, bucket_of, empty_histogram
from analytics.models import ErrorKind, HourlyRollup, WebhookCall
from integrations.ids import uuid7

__all__ = ["CallRecord", "ErrorKind", "WebhookCall", "copy_calls", "recorded_ids", "upsert_rollups", "without_content"]


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One attempt, with the fields of `WebhookCall`. Not frozen, which would cost three times as much to make; not changed.

    Texts hold neither NUL nor lone surrogates (PostgreSQL refuses both) and fit their columns; secrets have been
    replaced in them and credentials removed from the headers. `timestamp` is aware: when the attempt began.
    """

    id: UUID = field(default_factory=uuid7)
    tenant_id: UUID
    target_kind: str = "webhook"
    target_id: UUID
    workflow_name: str
    delivery_id: UUID
    event_id: UUID
    event_type: str = ""
    run: int = 1
    attempt: int
    is_final: bool
    triggered_by: str = ""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    status_code: int | None = None
    response_body: str = ""
    response_time_ms: int
    dns_ms: int | None = None
    connect_ms: int | None = None
    tls_ms: int | None = None
    first_byte_ms: int | None = None
    success: bool
    error_kind: str = ""
    error_message: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    timestamp: datetime


_COLUMNS: Final = tuple(column.name for column in fields(CallRecord))
_JSON_AT: Final = tuple(_COLUMNS.index(name) for name in ("request_headers", "metadata"))
_values = attrgetter(*_COLUMNS)
_as_json = json.JSONEncoder(separators=(",", ":")).encode
_CALLS: Final = WebhookCall._meta.db_table

_COPY: Final = SQL("COPY {} ({}) FROM STDIN").format(Identifier(_CALLS), SQL(", ").join(map(Identifier, _COLUMNS)))

# ORDER BY keeps writers from deadlocks: rows are locked in the order in which they are inserted. Histograms travel as
# array literals, since unnest would flatten an array of arrays, and are added bucket by bucket, spelled out: a
# subquery over both arrays costs a quarter more.
_UPSERT: Final = SQL(
    """
    INSERT INTO {rollups} AS stored (
        tenant_id, target_kind, target_id, hour, calls, succeeded, failed, attempts, response_time_ms_sum, histogram)
    SELECT tenant_id, target_kind, target_id, hour, calls, succeeded, failed, attempts, response_time_ms_sum,
        histogram::bigint[]
    FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::bigint[], %s::bigint[], %s::text[])
        AS added (tenant_id, target_kind, target_id, hour, calls, succeeded, failed, attempts, response_time_ms_sum,
        histogram)
    ORDER BY tenant_id, target_id, hour
    ON CONFLICT (tenant_id, target_id, hour) DO UPDATE SET
        calls = stored.calls + excluded.calls,
        succeeded = stored.succeeded + excluded.succeeded,
        failed = stored.failed + excluded.failed,
        attempts = stored.attempts + excluded.attempts,
        response_time_ms_sum = stored.response_time_ms_sum + excluded.response_time_ms_sum,
        histogram = ARRAY[{sums}]
    """
).format(
    rollups=Identifier(HourlyRollup._meta.db_table),
    sums=SQL(", ").join(
        SQL("stored.histogram[{0}] + excluded.histogram[{0}]").format(i) for i in range(1, BUCKETS + 1)
    ),
)
_RECORDED: Final = SQL("SELECT id FROM {} WHERE id = ANY(%s::uuid[])").format(Identifier(_CALLS))


@dataclass(slots=True)
class _Sums:
    """What a batch adds to one row of the hourly rollup."""

    target_kind: str
    calls: int = 0
    succeeded: int = 0
    attempts: int = 0
    response_time_ms_sum: int = 0
    histogram: list[int] = field(default_factory=empty_histogram)

    def add(self, call: CallRecord) -> None:
        if call.is_final:
            self.calls += 1
            self.succeeded += call.success
        self.attempts += 1
        self.response_time_ms_sum += call.response_time_ms
        self.histogram[bucket_of(call.response_time_ms)] += 1


def copy_calls(cursor: Cursor[Any], calls: Sequence[CallRecord]) -> None:
    """Append attempts with one COPY.

    Raises psycopg's DataError for a value that PostgreSQL refuses, UnicodeEncodeError for a lone surrogate, and
    UniqueViolation for an id that is stored already: after a connection was lost while committing, ask
    `recorded_ids` before trying again.
    """
    with cursor.copy(_COPY) as copy:
        for call in calls:
            row = list(_values(call))
            for position in _JSON_AT:
                row[position] = _as_json(row[position]) if row[position] else "{}"
            copy.write_row(row)


def recorded_ids(cursor: Cursor[Any], calls: Sequence[CallRecord]) -> set[UUID]:
    """Return the ids among `calls` that are stored already. A batch is one transaction: it is all of them or none."""
    cursor.execute(_RECORDED, [[call.id for call in calls]])
    return {row[0] for row in cursor.fetchall()}


def without_content(call: CallRecord, *, reason: str) -> CallRecord:
    """Return the same attempt without what the endpoint or the caller wrote, for a row that PostgreSQL refused."""
    return replace(call, request_headers={}, response_body="", metadata={}, error_message=reason[:500])


def upsert_rollups(cursor: Cursor[Any], calls: Iterable[CallRecord]) -> None:
    """Add attempts to their webhooks' hours.

    Calls, successes and failures count final attempts only; attempts, times and histogram count every one. Safe
    beside other writers (rows are locked in the order of their keys), but not idempotent: once for each attempt.
    """
    sums: dict[tuple[UUID, UUID, datetime], _Sums] = {}
    for call in calls:
        hour = call.timestamp.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        key = (call.tenant_id, call.target_id, hour)
        added = sums.get(key)
        if added is None:
            added = sums[key] = _Sums(call.target_kind)
        added.add(call)
    if not sums:
        return
    rows = [
        (
            tenant_id,
            added.target_kind,
            target_id,
            hour,
            added.calls,
            added.succeeded,
            added.calls - added.succeeded,
            added.attempts,
            added.response_time_ms_sum,
            "{" + ",".join(map(str, added.histogram)) + "}",
        )
        for (tenant_id, target_id, hour), added in sums.items()
    ]
    cursor.execute(_UPSERT, [list(column) for column in zip(*rows, strict=True)])
