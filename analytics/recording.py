"""Write finished attempts: the one way into the tables of this room.

Both functions run inside the caller's transaction, as the owner role, in this order: `copy_calls` first,
`upsert_rollups` after every lock on deliveries is taken. They lock nothing but the rollups they add to, minutes before
hours, webhooks before whole tenants, each in the order of their keys, so that writers side by side never wait for each
other in a circle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from operator import add, attrgetter
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor
from psycopg.sql import SQL, Composed, Identifier, Literal

from analytics.histogram import BUCKETS, bucket_of
from analytics.models import (
    ALL_TARGETS,
    ALL_TARGETS_KIND,
    COUNTED_KIND,
    ErrorKind,
    HourlyRollup,
    MinuteRollup,
    Rollup,
    WebhookCall,
)
from analytics.outcomes import OutcomeClass, outcome_class
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

# What a rollup counts, as one list of numbers: first these columns, then the buckets of the histogram.
COUNTED: Final = ("calls", "succeeded", "failed", "attempts", "response_time_ms_sum", *OutcomeClass.values)
_CALLS_AT, _SUCCEEDED_AT, _FAILED_AT, _ATTEMPTS_AT, _TIME_AT = range(5)
_OUTCOME_AT: Final = {outcome: COUNTED.index(outcome.value) for outcome in OutcomeClass}
_BUCKETS_AT: Final = len(COUNTED)
_NOTHING: Final = [0] * (_BUCKETS_AT + BUCKETS)


def _upsert_into(rollups: type[Rollup]) -> Composed:
    """Return the statement that adds sums to the rows of a table, or makes them.

    ORDER BY keeps writers from deadlocks: rows are locked in the order in which they are inserted. The rows of whole
    tenants come last: everybody who records this tenant's calls waits for them. Histograms travel as array literals,
    since unnest would flatten an array of arrays, and are added bucket by bucket, spelled out: a subquery over both
    arrays costs a quarter more.
    """
    return SQL(
        """
        INSERT INTO {rollups} AS stored (tenant_id, target_kind, target_id, {span}, {counted}, histogram)
        SELECT tenant_id, target_kind, target_id, {span}, {counted}, histogram::bigint[]
        FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::timestamptz[], {bigints}, %s::text[])
            AS added (tenant_id, target_kind, target_id, {span}, {counted}, histogram)
        ORDER BY target_id = {all_targets}, tenant_id, target_id, {span}
        ON CONFLICT (tenant_id, target_id, {span}) DO UPDATE SET {sums}, histogram = ARRAY[{bucket_sums}]
        """
    ).format(
        rollups=Identifier(rollups._meta.db_table),
        span=Identifier(rollups.span_column),
        counted=SQL(", ").join(map(Identifier, COUNTED)),
        bigints=SQL(", ").join([SQL("%s::bigint[]")] * len(COUNTED)),
        all_targets=Literal(ALL_TARGETS),
        sums=SQL(", ").join(SQL("{0} = stored.{0} + excluded.{0}").format(Identifier(name)) for name in COUNTED),
        bucket_sums=SQL(", ").join(
            SQL("stored.histogram[{0}] + excluded.histogram[{0}]").format(i) for i in range(1, BUCKETS + 1)
        ),
    )


_UPSERT_HOURS: Final = _upsert_into(HourlyRollup)
_UPSERT_MINUTES: Final = _upsert_into(MinuteRollup)
_RECORDED: Final = SQL("SELECT id FROM {} WHERE id = ANY(%s::uuid[])").format(Identifier(_CALLS))


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
    """Add attempts to the minutes and hours of their webhooks and of their tenants.

    Calls, successes and failures count final attempts only; attempts, outcome classes, times and histogram count
    every one. Safe beside other writers (rows are locked in one order), but not idempotent: once for each attempt.
    """
    minutes = _sums_by_minute(calls)
    if not minutes:
        return
    _add_whole_tenants(minutes)
    hours: _Sums = {}
    for (tenant_id, target_id, kind, minute), numbers in minutes.items():
        _add(hours, (tenant_id, target_id, kind, minute.replace(minute=0)), numbers)
    columns = _columns(minutes)
    cursor.execute(_UPSERT_MINUTES, columns)
    if len(hours) == len(minutes):
        # As nearly always: a batch of one minute. The numbers are the same, in the same order.
        columns[_SPANS_AT] = _spans(hours)
    else:
        columns = _columns(hours)
    cursor.execute(_UPSERT_HOURS, columns)


# By tenant, target, its kind, and the beginning of the span.
_Sums = dict[tuple[UUID, UUID, str, datetime], list[int]]


def _sums_by_minute(calls: Iterable[CallRecord]) -> _Sums:
    sums: _Sums = {}
    for call in calls:
        if call.target_kind != COUNTED_KIND:
            continue
        minute = call.timestamp.astimezone(UTC).replace(second=0, microsecond=0)
        key = (call.tenant_id, call.target_id, call.target_kind, minute)
        numbers = sums.get(key)
        if numbers is None:
            numbers = sums[key] = _NOTHING.copy()
        if call.is_final:
            numbers[_CALLS_AT] += 1
            numbers[_SUCCEEDED_AT if call.success else _FAILED_AT] += 1
        numbers[_ATTEMPTS_AT] += 1
        numbers[_TIME_AT] += call.response_time_ms
        numbers[_OUTCOME_AT[outcome_class(call.status_code, call.error_kind)]] += 1
        numbers[_BUCKETS_AT + bucket_of(call.response_time_ms)] += 1
    return sums


def _add_whole_tenants(sums: _Sums) -> None:
    for (tenant_id, _, _, span), numbers in list(sums.items()):
        _add(sums, (tenant_id, ALL_TARGETS, ALL_TARGETS_KIND, span), numbers)


def _add(sums: _Sums, key: tuple[UUID, UUID, str, datetime], numbers: list[int]) -> None:
    known = sums.get(key)
    sums[key] = numbers if known is None else list(map(add, known, numbers))


_SPANS_AT: Final = 3


def _columns(sums: _Sums) -> list[str]:
    """Return the statement's parameters: an array literal for each column.

    Adapting lists element by element would take psycopg longer than PostgreSQL takes for the whole statement.
    """
    counted = list(zip(*sums.values(), strict=True))
    return [
        _array(f"{tenant_id.int:032x}" for tenant_id, _, _, _ in sums),
        _array(kind for _, _, kind, _ in sums),  # words of our own: nothing in them to quote
        _array(f"{target_id.int:032x}" for _, target_id, _, _ in sums),
        _spans(sums),
        *(_integers(numbers) for numbers in counted[:_BUCKETS_AT]),
        _array(f'"{_integers(numbers[_BUCKETS_AT:])}"' for numbers in sums.values()),
    ]


def _spans(sums: _Sums) -> str:
    return _array(f'"{span.isoformat()}"' for _, _, _, span in sums)


def _array(texts: Iterable[str]) -> str:
    return "{" + ",".join(texts) + "}"


def _integers(numbers: Iterable[int]) -> str:
    """Return an array literal the quickest way: Python writes a whole list at once."""
    return "{" + str(list(numbers))[1:-1] + "}"
