"""Recomputing sums from the calls they sum up: after a mistake, or for sums that calls of earlier versions lack.

What an hour lacks or has too much is found by one statement, and so in one view of the database, in which each
recorder's calls and sums are both there or both not. It is then added, as recorders add: they may go on meanwhile,
before and after, and nothing of theirs is lost or counted twice. Rows are locked in the recorders' order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from analytics.call_filter import CLOCK_SLACK
from analytics.histogram import BUCKETS, UPPER_BOUNDS_MS
from analytics.minutes import KEPT_MINUTES_FOR
from analytics.models import (
    ALL_TARGETS,
    ALL_TARGETS_KIND,
    ALL_TENANTS,
    COUNTED_KIND,
    HourlyRollup,
    MinuteRollup,
    PurgeHorizon,
    Rollup,
    WebhookCall,
)
from analytics.outcomes import OUTCOME_CLASS_SQL, OutcomeClass
from analytics.recording import COUNTED
from integrations.counting import counted
from integrations.errors import InvalidInputError
from integrations.ids import uuid7_floor
from integrations.models import Tenant
from integrations.partitioning.partitions import list_partitions

Progress = Callable[[str], None]
HOUR: Final = timedelta(hours=1)
_LOCK_NAME: Final = "rollups are rebuilt or calls purged"


@dataclass(slots=True)
class RebuiltRollups:
    """What was put right, or would be; `next_hour` is the first one that was not looked at yet."""

    hours: int = 0
    hourly_rows: int = 0
    minute_rows: int = 0
    next_hour: datetime | None = None


def rebuild_rollups(
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    tenant_id: UUID | None = None,
    dry_run: bool = False,
    progress: Progress = lambda _message: None,
    rebuilt: RebuiltRollups | None = None,
) -> RebuiltRollups:
    """Make the sums of every hour from `start` up to `end` what the calls of that hour add up to.

    Without `start`, from the oldest hour of which all calls are there; without `end`, up to now. Minutes are put right
    as far back as they are kept. An hour is one short transaction: stopping loses nothing, and running it again, or
    beside itself, recorders and purges, does no harm. Tenants whose calls of an hour were purged are left out of it.
    Runs as the owner role, outside of any transaction.

    Raises:
        InvalidInputError: naming `from` or `to`, for an empty span and for hours whose calls are gone.
    """
    rebuilt = rebuilt if rebuilt is not None else RebuiltRollups()
    first = earliest_hour(tenant_id)
    begin = first if start is None else _hour_of(start)
    if begin < first:
        raise InvalidInputError(
            {"from": [f"Calls before {first:%Y-%m-%dT%H:%MZ} are gone: begin there, or sums would be lost with them."]}
        )
    last = _hour_of(timezone.now()) + HOUR if end is None else min(_ceiling(end), _hour_of(timezone.now()) + HOUR)
    if last <= begin:
        raise InvalidInputError({"to": [f"This must be later than {begin:%Y-%m-%dT%H:%MZ}."]})
    for hour in _hours(begin, last):
        rebuilt.next_hour = hour
        hourly, by_minute = _rebuild_hour(hour, tenant_id, dry_run=dry_run)
        rebuilt.hours += 1
        rebuilt.hourly_rows += hourly
        rebuilt.minute_rows += by_minute
        rebuilt.next_hour = hour + HOUR
        if hourly or by_minute or hour.hour == 0:
            progress(
                f"{hour:%Y-%m-%dT%H:%MZ}: {counted(hourly, 'row')} by the hour and {by_minute} by the minute differed"
            )
    return rebuilt


def earliest_hour(tenant_id: UUID | None = None) -> datetime:
    """Return the first hour (UTC) of which all calls are there, of a tenant or of anybody."""
    days = [partition.day for partition in list_partitions(WebhookCall) if partition.day is not None]
    oldest = datetime.combine(min(days), time(), tzinfo=UTC) if days else timezone.now()
    horizons = PurgeHorizon.objects.filter(tenant_id__in=[ALL_TENANTS, tenant_id or ALL_TENANTS])
    purged = [*horizons.values_list("calls_before", flat=True)]
    # An id is made after its timestamp, by the same clock: an hour's calls lie behind its beginning.
    return _ceiling(max([oldest, *purged]))


def note_purge(*, tenant_id: UUID | None, before: datetime) -> None:
    """Say that calls whose ids were made before a moment are about to go; to be committed before the first goes.

    Waits for an hour that is being rebuilt: else its calls could go under the statement that counts them.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _lock_out_rivals(cursor)
        cursor.execute(
            "INSERT INTO analytics_purgehorizon AS known (tenant_id, calls_before) VALUES (%s, %s)"
            " ON CONFLICT (tenant_id) DO UPDATE SET calls_before = greatest(known.calls_before, excluded.calls_before)",
            [tenant_id or ALL_TENANTS, before],
        )


def _rebuild_hour(hour: datetime, tenant_id: UUID | None, *, dry_run: bool) -> tuple[int, int]:
    with transaction.atomic(), connection.cursor() as cursor:
        _lock_out_rivals(cursor)
        if hour < earliest_hour(tenant_id):
            return 0, 0  # purged in the meantime
        parameters = {
            "tenants": _tenants_with_all_calls(cursor, hour, tenant_id),
            "start": hour,
            "end": hour + HOUR,
            "first_id": uuid7_floor(hour - CLOCK_SLACK),
            # An attempt lasts a minute at most, which the slack covers too.
            "last_id": uuid7_floor(hour + HOUR + CLOCK_SLACK),
        }
        of_minutes = 0
        if hour >= _ceiling(timezone.now() - KEPT_MINUTES_FOR):
            of_minutes = _put_right(cursor, MinuteRollup, parameters, dry_run=dry_run)
        return _put_right(cursor, HourlyRollup, parameters, dry_run=dry_run), of_minutes


def _put_right(cursor: Any, rollups: type[Rollup], parameters: dict[str, Any], *, dry_run: bool) -> int:
    if dry_run:
        cursor.execute(_COUNT[rollups], parameters)
        return int(cursor.fetchone()[0])
    cursor.execute(_ADD[rollups], parameters)
    differed = int(cursor.rowcount)
    if differed:
        cursor.execute(_FORGET_EMPTY[rollups], parameters)
    return differed


def _lock_out_rivals(cursor: Any) -> None:
    """Let one transaction at a time rebuild or begin to purge: two would add the same difference twice."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_LOCK_NAME])


def _tenants_with_all_calls(cursor: Any, hour: datetime, tenant_id: UUID | None) -> list[UUID]:
    if tenant_id is not None:
        return [tenant_id]
    purged = PurgeHorizon.objects.filter(calls_before__gt=hour).exclude(tenant_id=ALL_TENANTS)
    cursor.execute(_TENANTS_WITH_ROLLUPS)
    known = {row[0] for row in cursor.fetchall()} | set(Tenant.objects.values_list("id", flat=True))
    return sorted(known - set(purged.values_list("tenant_id", flat=True)))


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _ceiling(moment: datetime) -> datetime:
    hour = _hour_of(moment)
    return hour if hour == moment else hour + HOUR


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR


# Hops from tenant to tenant along the index, however many hours each has.
_TENANTS_WITH_ROLLUPS: Final = """
    WITH RECURSIVE tenant (id) AS (
        (SELECT tenant_id FROM analytics_hourlyrollup ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT tenant_id FROM analytics_hourlyrollup WHERE tenant_id > tenant.id ORDER BY tenant_id LIMIT 1)
        FROM tenant WHERE tenant.id IS NOT NULL
    )
    SELECT id FROM tenant WHERE id IS NOT NULL
"""


def _comma(parts: Iterator[Composable]) -> Composed:
    return SQL(", ").join(parts)


def _drift_of(rollups: type[Rollup]) -> Composed:
    """Return the CTEs that end in `drift`: what each row of the hour lacks (or, below zero, has too much)."""
    return SQL(
        """
        WITH attempt AS (
            SELECT tenant_id, target_kind, target_id, date_trunc({unit}, "timestamp", 'UTC') AS {span}, is_final, success,
                response_time_ms, {outcome} AS outcome,
                least(width_bucket(response_time_ms - 1, {bounds}::int[]), {last_bucket}) AS bucket
            FROM {calls}
            WHERE id >= %(first_id)s AND id < %(last_id)s AND "timestamp" >= %(start)s AND "timestamp" < %(end)s
                AND tenant_id = ANY(%(tenants)s::uuid[]) AND target_kind = {counted_kind}
        ), counted AS (
            SELECT tenant_id, coalesce(target_id, {all_targets}) AS target_id, {span},
                CASE WHEN grouping(target_id) = 1 THEN {all_kind} ELSE target_kind END AS target_kind,
                count(*) FILTER (WHERE is_final) AS calls, count(*) FILTER (WHERE is_final AND success) AS succeeded,
                count(*) FILTER (WHERE is_final AND NOT success) AS failed, count(*) AS attempts,
                sum(response_time_ms)::bigint AS response_time_ms_sum, {outcome_counts},
                ARRAY[{bucket_counts}]::bigint[] AS histogram
            FROM attempt GROUP BY GROUPING SETS ((tenant_id, target_kind, target_id, {span}), (tenant_id, {span}))
        ), stored AS (
            SELECT * FROM {rollups}
            WHERE tenant_id = ANY(%(tenants)s::uuid[]) AND {span} >= %(start)s AND {span} < %(end)s
        ), drift AS (
            SELECT tenant_id, coalesce(counted.target_kind, stored.target_kind) AS target_kind, target_id, {span},
                {differences}, ARRAY[{bucket_differences}] AS histogram
            FROM counted FULL JOIN stored USING (tenant_id, target_id, {span})
            WHERE ({counted_values}, counted.histogram) IS DISTINCT FROM ({stored_values}, stored.histogram)
        )
        """
    ).format(
        rollups=Identifier(rollups._meta.db_table),
        calls=Identifier(WebhookCall._meta.db_table),
        span=Identifier(rollups.span_column),
        unit=Literal(rollups.span_column),
        outcome=SQL(OUTCOME_CLASS_SQL),
        bounds=Literal("{" + ",".join(map(str, UPPER_BOUNDS_MS)) + "}"),
        last_bucket=Literal(BUCKETS - 1),
        all_targets=Literal(ALL_TARGETS),
        all_kind=Literal(ALL_TARGETS_KIND),
        counted_kind=Literal(COUNTED_KIND),
        outcome_counts=_comma(
            SQL("count(*) FILTER (WHERE outcome = {}) AS {}").format(Literal(outcome.value), Identifier(outcome.value))
            for outcome in OutcomeClass
        ),
        bucket_counts=_comma(SQL("count(*) FILTER (WHERE bucket = {})").format(Literal(i)) for i in range(BUCKETS)),
        differences=_comma(
            SQL("coalesce(counted.{0}, 0) - coalesce(stored.{0}, 0) AS {0}").format(Identifier(name))
            for name in COUNTED
        ),
        bucket_differences=_comma(
            SQL("coalesce(counted.histogram[{0}], 0) - coalesce(stored.histogram[{0}], 0)").format(Literal(i))
            for i in range(1, BUCKETS + 1)
        ),
        counted_values=_comma(Identifier("counted", name) for name in COUNTED),
        stored_values=_comma(Identifier("stored", name) for name in COUNTED),
    )


def _add_drift_to(rollups: type[Rollup]) -> Composed:
    return SQL(
        """
        {drift}
        INSERT INTO {rollups} AS known (tenant_id, target_kind, target_id, {span}, {counted}, histogram)
        SELECT tenant_id, target_kind, target_id, {span}, {counted}, histogram FROM drift
        ORDER BY target_id = {all_targets}, tenant_id, target_id, {span}
        ON CONFLICT (tenant_id, target_id, {span}) DO UPDATE SET {sums}, histogram = ARRAY[{bucket_sums}]
        """
    ).format(
        drift=_drift_of(rollups),
        rollups=Identifier(rollups._meta.db_table),
        span=Identifier(rollups.span_column),
        counted=_comma(map(Identifier, COUNTED)),
        all_targets=Literal(ALL_TARGETS),
        sums=_comma(SQL("{0} = known.{0} + excluded.{0}").format(Identifier(name)) for name in COUNTED),
        bucket_sums=_comma(
            SQL("coalesce(known.histogram[{0}], 0) + excluded.histogram[{0}]").format(Literal(i))
            for i in range(1, BUCKETS + 1)
        ),
    )


def _forget_empty(rollups: type[Rollup]) -> Composed:
    """Rows without any call are as good as none. One that a recorder has in hand is not waited for: it has calls."""
    return SQL(
        """
        DELETE FROM {rollups} WHERE (tenant_id, target_id, {span}) IN (
            SELECT tenant_id, target_id, {span} FROM {rollups}
            WHERE tenant_id = ANY(%(tenants)s::uuid[]) AND {span} >= %(start)s AND {span} < %(end)s
                AND attempts <= 0 AND calls <= 0
            FOR UPDATE SKIP LOCKED)
        """
    ).format(rollups=Identifier(rollups._meta.db_table), span=Identifier(rollups.span_column))


_TABLES: Final[tuple[type[Rollup], ...]] = (MinuteRollup, HourlyRollup)
_COUNT: Final = {rollups: _drift_of(rollups) + SQL("SELECT count(*) FROM drift") for rollups in _TABLES}
_ADD: Final = {rollups: _add_drift_to(rollups) for rollups in _TABLES}
_FORGET_EMPTY: Final = {rollups: _forget_empty(rollups) for rollups in _TABLES}
