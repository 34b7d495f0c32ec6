"""What there is of partitioned tables, for whoever watches them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection, models

from integrations.partitioning.days import today
from integrations.partitioning.partitions import count_default_rows, list_partitions, partitioned_models


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """One day's partition; `bytes` with its indexes and long values."""

    name: str
    day: date
    rows_estimate: int
    bytes: int


@dataclass(frozen=True, slots=True)
class TableReport:
    """A partitioned table; sums are over its days and the default partition."""

    table: str
    partitions: list[PartitionReport]
    first_day: date | None
    last_day: date | None
    rows_estimate: int
    bytes: int
    default_rows: int

    def findings(self) -> list[str]:
        """Return a sentence for everything that somebody must look at."""
        found = []
        if self.default_rows:
            found.append(
                f"{self.table} has {self.default_rows:,} {'row' if self.default_rows == 1 else 'rows'} in its default partition: ids of days far away, or of no day."
            )
        if today() + timedelta(days=1) not in {partition.day for partition in self.partitions}:
            found.append(f"{self.table} has no partition for tomorrow.")
        return found


def report_tables() -> list[TableReport]:
    """Return what there is of every partitioned table."""
    return [_report(model) for model in partitioned_models()]


def _report(model: type[models.Model]) -> TableReport:
    found = list_partitions(model)
    sizes = _sizes([partition.name for partition in found])
    days = [
        PartitionReport(partition.name, partition.day, partition.rows_estimate, sizes.get(partition.name, 0))
        for partition in found
        if partition.day is not None
    ]
    return TableReport(
        table=model._meta.db_table,
        partitions=days,
        first_day=days[0].day if days else None,
        last_day=days[-1].day if days else None,
        rows_estimate=sum(partition.rows_estimate for partition in found),
        bytes=sum(sizes.values()),
        default_rows=count_default_rows(model),
    )


def _sizes(names: list[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(%s)",
            [names],
        )
        # A partition that is removed at this moment has no size any more.
        return {name: size or 0 for name, size in cursor.fetchall()}
