"""Daily partitions while the site runs: making them ahead, listing them, taking out what is past retention."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Protocol, TypeVar
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
_REMOVED = "_removed_"
_BOUNDS = re.compile(r"FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)")


class _ChangedError(Exception):
    """Rows came or went after they were archived."""


class PartitionBusyError(Exception):
    """The table was locked at every try, by a long export or transaction. Nothing was changed: try again later."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of a table. `day` is None for the default one; `rows_estimate` is PostgreSQL's statistics."""

    name: str
    day: date | None
    rows_estimate: int


class PartitionArchive(Protocol):
    """Keeps a partition's rows somewhere else before it is taken out."""

    def store(self, partition: Partition) -> None:
        """Keep the rows, unless they are kept already. What it raises ends the removal."""

    def holds(self, partition: Partition) -> bool:
        """Whether exactly these rows are kept; asked while nobody can write to the partition."""


@dataclass(frozen=True, slots=True)
class RemovedPartition:
    """A partition that was taken out, or would have been; its rows are an estimate from PostgreSQL's statistics.

    `table` is what it is called until its files are given back.
    """

    name: str
    rows_estimate: int
    table: str


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


def remove_partitions_before(
    model: type[models.Model], day: date, *, dry_run: bool, archive: PartitionArchive | None = None
) -> Iterator[RemovedPartition]:
    """Take out the partitions whose days all lie before `day` (UTC) and yield each, oldest first, once it is out.

    The default partition stays. Each is detached and renamed in a transaction of its own, which takes milliseconds
    whatever its size: its rows are gone for everybody. Giving back its files takes the system a while for each
    gigabyte; `drop_removed_partitions` does it, and nobody waits for that. Locks have a short timeout and tries: a
    removal that waited behind an open export would make every writer wait behind it. With an `archive`, what it does
    not hold is not taken out. `dry_run` only looks.

    Raises:
        PartitionBusyError: the table stayed locked. What was taken out until then stays out.
    """
    table = model._meta.db_table
    for partition in list_partitions(model):
        if partition.day is None or partition.day >= day:
            continue
        # Not its own name alone: strays may give the same day a partition once more.
        waiting = f"{partition.name}{_REMOVED}{secrets.token_hex(4)}"
        if dry_run or _patiently(table, partial(_take_out, table, partition, waiting, archive)):
            yield RemovedPartition(partition.name, partition.rows_estimate, waiting)


def drop_removed_partitions() -> list[str]:
    """Give back the files of partitions that were taken out, of every partitioned table; return their names.

    Nobody reads or writes them any more. Idempotent, and safe beside itself: each is dropped on its own.
    """
    waiting = list_removed_partitions()
    for name in waiting:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {connection.ops.quote_name(name)}")
    return waiting


def list_removed_partitions() -> list[str]:
    """Return the names of tables that were partitions and wait to be dropped."""
    tables = "|".join(re.escape(model._meta.db_table) for model in partitioned_models())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
            " AND NOT relispartition AND relname ~ %s ORDER BY relname",
            [f"^({tables})_p[0-9]{{8}}{_REMOVED}[0-9a-f]{{8}}$"],
        )
        return [row[0] for row in cursor.fetchall()]


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


def _take_out(table: str, partition: Partition, waiting: str, archive: PartitionArchive | None) -> bool:
    """Detach a partition and rename it; False when another process was first."""
    quote = connection.ops.quote_name
    if archive is not None and _exists(partition.name):
        archive.store(partition)
    with transaction_settings({"lock_timeout": f"{LOCK_TIMEOUT_MS}ms"}, durable=True), connection.cursor() as cursor:
        # Makes rivals come one after the other; readers and writers go on.
        cursor.execute(f"LOCK TABLE ONLY {quote(table)} IN SHARE UPDATE EXCLUSIVE MODE")
        if not _exists(partition.name):
            return False
        if archive is not None:
            # A late row of that day would have to wait, all others go on.
            cursor.execute(f"LOCK TABLE {quote(partition.name)} IN SHARE MODE")
            if not archive.holds(partition):
                raise _ChangedError
        # What DETACH takes anyway.
        cursor.execute(f"LOCK TABLE ONLY {quote(table)} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"ALTER TABLE {quote(table)} DETACH PARTITION {quote(partition.name)}")
        cursor.execute(f"ALTER TABLE {quote(partition.name)} RENAME TO {quote(waiting)}")
    return True


def _patiently(table: str, work: Callable[[], T]) -> T:
    """Run `work` until it gets its locks."""
    for tries_left in reversed(range(LOCK_TRIES)):
        try:
            return work()
        except (OperationalError, _ChangedError) as error:
            if isinstance(error, OperationalError) and not isinstance(
                error.__cause__, LockNotAvailable | DeadlockDetected
            ):
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
