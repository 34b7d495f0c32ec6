"""Daily partitions while the site runs: making them ahead, listing them, dropping what is past retention."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.db.utils import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from integrations.isolation.transaction_settings import transaction_settings
from integrations.partitioning.days import FIRST_DAY, day_bounds, day_of, default_partition_name, partition_name, today
from integrations.partitioning.statements import create_day_and_empty_default_statements, storage_of

T = TypeVar("T")

LOCK_TIMEOUT_MS = 200
LOCK_TRIES = 25
_PAUSE_SECONDS = 0.2
_BOUNDS = re.compile(r"FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)")


class PartitionBusyError(Exception):
    """The table was locked at every try, by a long export or transaction. Nothing was changed: try again later."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of a table. `day` is None for the default one; `rows_estimate` is PostgreSQL's statistics."""

    name: str
    day: date | None
    rows_estimate: int


@dataclass(frozen=True, slots=True)
class DroppedPartition:
    """A partition that was dropped, or would have been; its rows are an estimate from PostgreSQL's statistics."""

    name: str
    rows_estimate: int


def partitioned_models() -> list[type[models.Model]]:
    """Return the models of settings.PARTITIONED_MODELS."""
    return [apps.get_model(label) for label in settings.PARTITIONED_MODELS]


def make_partitions(*, days_ahead: int = 14) -> list[str]:
    """Make the missing partitions of today and the days ahead, of every partitioned table; return their names.

    A day whose rows went to the default partition, because nobody had made its own in time, gets it now, and the
    rows move there. Runs beside writers, and beside another process that does the same: each partition is made once.
    Idempotent. Each partition is a transaction of its own.

    Raises:
        PartitionBusyError: a default partition stayed locked. What was made until then stays made.
    """
    last = today() + timedelta(days=days_ahead)
    made: list[str] = []
    for model in partitioned_models():
        table = model._meta.db_table
        wanted = {today() + timedelta(days=offset) for offset in range(days_ahead + 1)}
        wanted |= set(_days_in_default(table, last))
        existing = {partition.day for partition in list_partitions(model)}
        made += [
            partition_name(table, day)
            for day in sorted(wanted - existing)
            if _patiently(table, partial(_make_partition, table, day))
        ]
    return made


def list_partitions(model: type[models.Model]) -> list[Partition]:
    """Return the partitions of a table, by day, the default one last."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname, pg_get_expr(child.relpartbound, child.oid),"
            "       greatest(child.reltuples, pg_stat_get_live_tuples(child.oid), 0)::bigint"
            "  FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass AND NOT inhdetachpending",
            [connection.ops.quote_name(model._meta.db_table)],
        )
        rows = cursor.fetchall()
    # Bounds are null where another process drops the partition at this moment.
    partitions = [Partition(name, _day_of_bounds(bounds), estimate) for name, bounds, estimate in rows if bounds]
    return sorted(partitions, key=lambda partition: (partition.day or date.max, partition.name))


def drop_partitions_before(model: type[models.Model], day: date, *, dry_run: bool) -> list[DroppedPartition]:
    """Drop the partitions whose days all lie before `day` (UTC) and return them, oldest first.

    The default partition stays. Each is dropped in a transaction of its own, with a short lock timeout and tries: a
    drop that waited behind an open export would make every writer wait behind it. `dry_run` only looks.

    Raises:
        PartitionBusyError: the table stayed locked. What was dropped until then stays dropped.
    """
    table = model._meta.db_table
    dropped = []
    for partition in list_partitions(model):
        if partition.day is None or partition.day >= day:
            continue
        if dry_run or _patiently(table, partial(_drop_partition, table, partition.name)):
            dropped.append(DroppedPartition(partition.name, partition.rows_estimate))
    return dropped


def count_default_rows(model: type[models.Model], *, at_most: int = 100_000) -> int:
    """Return how many rows lie in the default partition, counting no further than `at_most`.

    More than none means that partitions were not made in time, or that ids carry impossible times.
    """
    default = connection.ops.quote_name(default_partition_name(model._meta.db_table))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM (SELECT FROM {default} LIMIT %s) AS n", [at_most])  # noqa: S608 our own name
        return int(cursor.fetchone()[0])


def _make_partition(table: str, day: date) -> bool:
    """Make a partition and move the default's rows of its day; False when another process was first."""
    quote = connection.ops.quote_name
    with transaction_settings({"lock_timeout": f"{LOCK_TIMEOUT_MS}ms"}, durable=True), connection.cursor() as cursor:
        # Makes rivals come one after the other; readers and writers go on. The parent first, as they lock it first.
        cursor.execute(f"LOCK TABLE ONLY {quote(table)} IN SHARE UPDATE EXCLUSIVE MODE")
        # No row of this day may arrive in the default while its rows move.
        cursor.execute(f"LOCK TABLE {quote(default_partition_name(table))} IN ACCESS EXCLUSIVE MODE")
        if _exists(partition_name(table, day)):
            return False
        for statement in create_day_and_empty_default_statements(table, day, storage=storage_of(table)):
            cursor.execute(statement)
    return True


def _drop_partition(table: str, name: str) -> bool:
    """Drop a partition; False when another process was first."""
    quote = connection.ops.quote_name
    with transaction_settings({"lock_timeout": f"{LOCK_TIMEOUT_MS}ms"}, durable=True), connection.cursor() as cursor:
        # What DROP takes anyway. Alone and first, it makes rivals come one after the other.
        cursor.execute(f"LOCK TABLE ONLY {quote(table)} IN ACCESS EXCLUSIVE MODE")
        if not _exists(name):
            return False
        cursor.execute(f"DROP TABLE {quote(name)}")
    return True


def _patiently(table: str, work: Callable[[], T]) -> T:
    """Run `work` until it gets its locks."""
    for tries_left in reversed(range(LOCK_TRIES)):
        try:
            return work()
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                raise
            if not tries_left:
                raise PartitionBusyError(f"{table} stayed locked by other transactions.") from error
        time.sleep(_PAUSE_SECONDS)
    raise AssertionError("unreachable")


def _exists(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [connection.ops.quote_name(name)])
        return bool(cursor.fetchone()[0])


def _days_in_default(table: str, last: date) -> list[date]:
    """Return the days up to `last` of the default partition's rows, hopping along the primary key's index.

    Later days are left until they come near; ids that are no UUIDv7 show times far away, and stay.
    """
    default = connection.ops.quote_name(default_partition_name(table))
    days: list[date] = []
    lower, _ = day_bounds(FIRST_DAY)
    with connection.cursor() as cursor:
        while True:
            # ORDER BY, since PostgreSQL before 18 has no min() of uuid.
            cursor.execute(f"SELECT id FROM {default} WHERE id >= %s ORDER BY id LIMIT 1", [lower])  # noqa: S608 our own name
            row = cursor.fetchone()
            day = day_of(row[0]) if row else None
            if day is None or day > last:
                return days
            days.append(day)
            _, lower = day_bounds(day)


def _day_of_bounds(bounds: str) -> date | None:
    match = _BOUNDS.search(bounds)
    return day_of(UUID(match[1])) if match else None
