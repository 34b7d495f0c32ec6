"""Removing calls that have passed their retention. Rollups are never purged: summaries keep what happened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from psycopg.sql import SQL, Identifier

from analytics.models import WebhookCall
from integrations.ids import uuid7_floor
from integrations.partitioning.days import day_bounds, default_partition_name
from integrations.partitioning.partitions import drop_partitions_before

BATCH_ROWS: Final = 5_000
_CALLS: Final = WebhookCall._meta.db_table
_AGE: Final = re.compile(r"([0-9]{1,6})([hdw])")
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
_AGES: Final = (timedelta(hours=1), timedelta(days=3650))

Progress = Callable[[str], None]


@dataclass(slots=True)
class PurgedCalls:
    """What was removed, or would be."""

    partitions: int = 0
    rows_in_partitions: int = 0
    """PostgreSQL's estimate: counting would read what is only unlinked."""
    rows: int = 0
    """Deleted one by one, or counted in a dry run."""


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


def purge_calls(
    *,
    older_than: timedelta,
    tenant_id: UUID | None = None,
    dry_run: bool = False,
    progress: Progress = lambda _message: None,
    purged: PurgedCalls | None = None,
) -> PurgedCalls:
    """Remove the calls whose ids were made longer ago than `older_than`, of one tenant or of all.

    Without a tenant, whole days go by dropping their partitions; the rest, and a tenant's rows, in batches of 5,000,
    each committed by itself. Stopping it at any point loses nothing: the next run goes on where this one ended, and
    `purged`, if given, says how far it came. Runs as the owner role, outside of any transaction.
    """
    purged = purged if purged is not None else PurgedCalls()
    cutoff = timezone.now() - older_than
    if tenant_id is None:
        for partition in drop_partitions_before(WebhookCall, cutoff.date(), dry_run=dry_run):
            purged.partitions += 1
            purged.rows_in_partitions += partition.rows_estimate
            progress(f"{partition.name}: {'would be dropped' if dry_run else 'dropped'}")
    calls = WebhookCall.objects.filter(id__lt=uuid7_floor(cutoff))
    if tenant_id is not None:
        calls = calls.filter(tenant_id=tenant_id)
    if dry_run:
        purged.rows = calls.count() if tenant_id is not None else _rows_outside_whole_days(cutoff)
        return purged
    for deleted in delete_in_batches(calls):
        purged.rows += deleted
        progress(f"{_CALLS}: {purged.rows} rows deleted")
    return purged


def delete_in_batches(calls: QuerySet[WebhookCall]) -> Iterator[int]:
    """Delete calls, oldest first, and yield how many went with each batch.

    A batch is a range of ids, so that PostgreSQL opens the partitions of those days only, and the next one begins
    behind it, so that it does not walk over the dead rows again.
    """
    while True:
        last_of_batch = calls.order_by("id").values_list("id", flat=True)[BATCH_ROWS - 1 : BATCH_ROWS].first()
        if last_of_batch is None:
            deleted, _ = calls.delete()
            if deleted:
                yield deleted
            return
        deleted, _ = calls.filter(id__lte=last_of_batch).delete()
        yield deleted
        calls = calls.filter(id__gt=last_of_batch)


def _rows_outside_whole_days(cutoff: datetime) -> int:
    """Count what dropping partitions would leave to be deleted: the cutoff's own day, and strays of earlier days."""
    day_start, _ = day_bounds(cutoff.date())
    of_its_day = WebhookCall.objects.filter(id__gte=day_start, id__lt=uuid7_floor(cutoff)).count()
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("SELECT count(*) FROM {} WHERE id < %s").format(Identifier(default_partition_name(_CALLS))), [day_start]
        )
        return of_its_day + int(cursor.fetchone()[0])
