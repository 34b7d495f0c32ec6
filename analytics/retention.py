"""Removing history that has passed its retention: calls, and the tables that other rooms name in the settings.

Sums by the hour are never removed: summaries keep what happened. Webhooks and their totals have nothing to do with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, models
from django.db.models import QuerySet
from django.utils import timezone
from psycopg.sql import SQL, Identifier

from analytics.archive import Archive
from analytics.models import WebhookCall
from analytics.rebuilding import note_purge
from analytics.tenant_retention import kept_days, tenants_with_less
from integrations.counting import counted
from integrations.ids import uuid7_floor
from integrations.partitioning.days import day_bounds, default_partition_name
from integrations.partitioning.partitions import remove_partitions_before
from integrations.partitioning.retained import RetainedTable, retained_tables

BATCH_ROWS: Final = 5_000
_AGE: Final = re.compile(r"([0-9]{1,6})([hdw])")
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
_AGES: Final = (timedelta(hours=1), timedelta(days=3650))

Progress = Callable[[str], None]


@dataclass(slots=True)
class PurgedRows:
    """What was removed from one table, or would be."""

    partitions: int = 0
    rows_in_partitions: int = 0
    """PostgreSQL's estimate: counting would read what is only taken out."""
    rows: int = 0
    """Deleted one by one, or counted in a dry run."""


Purged = dict[str, PurgedRows]
"""By table. What is given to a purge is filled as it goes on, so that it tells how far an interrupted one came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Purge:
    """How one run goes about it."""

    dry_run: bool
    progress: Progress
    archive: Archive | None
    purged: Purged

    def of(self, table: RetainedTable) -> PurgedRows:
        return self.purged.setdefault(table.model._meta.db_table, PurgedRows())


def parse_age(text: str) -> timedelta:
    """Return the span that text such as 90d, 12h or 8w names. Raises ValueError with the way out."""
    match = _AGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no age: write a whole number and h, d or w, such as 90d, 12h or 8w.")
    number, unit = match.groups()
    age = timedelta(**{_UNITS[unit]: int(number)})
    shortest, longest = _AGES
    if not shortest <= age <= longest:
        raise ValueError(f"{text!r} is out of range: give an age between 1h and {longest.days}d.")
    return age


def purge_older_than(
    older_than: timedelta,
    *,
    tenant_id: UUID | None = None,
    dry_run: bool = False,
    progress: Progress = lambda _message: None,
    archive: Archive | None = None,
    purged: Purged | None = None,
) -> Purged:
    """Remove the history whose ids were made longer ago than `older_than`, of one tenant or of all.

    Without a tenant, whole days go by taking out their partitions; the rest, and a tenant's rows, in batches of 5,000,
    each committed by itself. With an archive only whole days go, since only they are archived. What a table still
    needs (`RetainedTable.kept_at_least`) stays. Stopping it at any point loses nothing: the next run goes on where
    this one ended. Runs as the owner role, outside of any transaction. `drop_removed_partitions` gives back the files.

    Raises:
        ArchiveError, PartitionBusyError: what was removed until then stays removed.
    """
    run = _Purge(dry_run=dry_run, progress=progress, archive=archive, purged=purged if purged is not None else {})
    now = timezone.now()
    for table in retained_tables():
        age = max(older_than, table.kept_at_least)
        if age > older_than:
            progress(
                f"{table.model._meta.db_table}: rows of the last {table.kept_at_least.days} days stay, being needed"
            )
        cutoff = now - age
        _purge_table(run, table, _midnight(cutoff) if archive and tenant_id is None else cutoff, tenant_id)
    return run.purged


def purge_expired(
    *,
    tenant_id: UUID | None = None,
    dry_run: bool = False,
    progress: Progress = lambda _message: None,
    archive: Archive | None = None,
    purged: Purged | None = None,
) -> Purged:
    """Remove what has passed the retention of the settings, and what tenants with a shorter one have beyond theirs.

    Retention ends with a day (UTC), so that whole partitions go; only strays without a partition, and the rows of
    tenants with a shorter retention, are deleted. As `purge_older_than` otherwise.
    """
    run = _Purge(dry_run=dry_run, progress=progress, archive=archive, purged=purged if purged is not None else {})
    now = timezone.now()
    shorter = tenants_with_less(tenant_id)
    for table in retained_tables():
        of_all = _midnight(now - timedelta(days=kept_days(holds_payloads=table.holds_payloads)))
        if tenant_id is None:
            _purge_table(run, table, of_all, None)
        for retention in shorter:
            days = kept_days(retention, holds_payloads=table.holds_payloads)
            cutoff = _midnight(now - max(timedelta(days=days), table.kept_at_least))
            if cutoff > of_all or tenant_id is not None:
                _purge_table(run, table, cutoff, retention.tenant_id)
    return run.purged


def _purge_table(run: _Purge, table: RetainedTable, cutoff: datetime, tenant_id: UUID | None) -> None:
    purged = run.of(table)
    name = table.model._meta.db_table
    if table.model is WebhookCall and not run.dry_run:
        note_purge(tenant_id=tenant_id, before=cutoff)
    if tenant_id is None:
        archive = run.archive if table.is_archived else None
        for partition in remove_partitions_before(table.model, cutoff.date(), dry_run=run.dry_run, archive=archive):
            purged.partitions += 1
            purged.rows_in_partitions += partition.rows_estimate
            run.progress(f"{partition.name}: {'would be removed' if run.dry_run else 'removed'}")
    rows = table.model._default_manager.filter(id__lt=uuid7_floor(cutoff))
    if tenant_id is not None:
        rows = rows.filter(tenant_id=tenant_id)
    if run.dry_run:
        purged.rows += rows.count() if tenant_id is not None else _rows_outside_whole_days(table.model, cutoff)
        return
    if run.archive is not None and table.is_archived and tenant_id is None:
        return  # strays get a partition with the next `make_partitions`, and are archived with that
    for deleted in delete_in_batches(rows):
        purged.rows += deleted
        run.progress(f"{name}: {counted(purged.rows, 'row')} deleted")


def delete_in_batches(rows: QuerySet[Any]) -> Iterator[int]:
    """Delete rows, oldest first, and yield how many went with each batch.

    A batch is a range of ids, so that PostgreSQL opens the partitions of those days only, and the next one begins
    behind it, so that it does not walk over the dead rows again.
    """
    while True:
        last_of_batch = rows.order_by("id").values_list("id", flat=True)[BATCH_ROWS - 1 : BATCH_ROWS].first()
        if last_of_batch is None:
            deleted, _ = rows.delete()
            if deleted:
                yield deleted
            return
        deleted, _ = rows.filter(id__lte=last_of_batch).delete()
        yield deleted
        rows = rows.filter(id__gt=last_of_batch)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(), tzinfo=UTC)


def _rows_outside_whole_days(model: type[models.Model], cutoff: datetime) -> int:
    """Count what taking out partitions would leave to be deleted: the cutoff's own day, and strays of earlier days."""
    day_start, _ = day_bounds(cutoff.date())
    of_its_day = model._default_manager.filter(id__gte=day_start, id__lt=uuid7_floor(cutoff)).count()
    with connection.cursor() as cursor:
        default = Identifier(default_partition_name(model._meta.db_table))
        cursor.execute(SQL("SELECT count(*) FROM {} WHERE id < %s").format(default), [day_start])
        return of_its_day + int(cursor.fetchone()[0])
