"""The SQL that makes partitions.

Always `LIKE` and `ATTACH`: `CREATE TABLE … PARTITION OF` takes ACCESS EXCLUSIVE on the parent, which stops every
writer and reader of the table; `ATTACH` takes SHARE UPDATE EXCLUSIVE, beside which writers go on.

A partitioned table has no storage parameters (fillfactor and the like): its default partition's are every day's.
"""

from __future__ import annotations

from datetime import date

from django.db import connection

from integrations.partitioning.days import day_bounds, default_partition_name, partition_name


def storage_of(table: str) -> str:
    """Return the storage parameters of a table's default partition as SQL, "" where it has none or is not there yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = to_regclass(%s)",
            [_q(default_partition_name(table))],
        )
        row = cursor.fetchone()
    return (row and row[0]) or ""


def create_default_statements(table: str) -> list[str]:
    """Return the statements that give a new, empty partitioned table its default partition."""
    default = default_partition_name(table)
    return [_create_like(table, default), f"ALTER TABLE {_q(table)} ATTACH PARTITION {_q(default)} DEFAULT"]


def create_day_statements(table: str, day: date) -> list[str]:
    """Return the statements that make a day's partition, where the default holds no rows of that day."""
    name = partition_name(table, day)
    return [_create_like(table, name), _attach(table, name, day)]


def create_day_and_empty_default_statements(table: str, day: date, *, storage: str = "") -> list[str]:
    """Return the statements that make a day's partition and move the default's rows of that day into it.

    To be run in one transaction, with the default partition locked ACCESS EXCLUSIVE: a row that arrives in between
    would make PostgreSQL refuse the partition.
    """
    name = partition_name(table, day)
    default = default_partition_name(table)
    lower, upper = day_bounds(day)
    in_range = f"id >= '{lower}' AND id < '{upper}'"
    return [
        _create_like(table, name, storage),
        f"WITH moved AS (DELETE FROM {_q(default)} WHERE {in_range} RETURNING *) "  # noqa: S608 our own names
        f"INSERT INTO {_q(name)} SELECT * FROM moved",
        # Proves the bounds to ATTACH, which then need not read the rows again; the bounds replace it at once.
        f"ALTER TABLE {_q(name)} ADD CONSTRAINT {_q(f'{name}_day')} CHECK ({in_range})",
        _attach(table, name, day),
        f"ALTER TABLE {_q(name)} DROP CONSTRAINT {_q(f'{name}_day')}",
    ]


def _create_like(table: str, name: str, storage: str = "") -> str:
    like = f"LIKE {_q(table)} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES"
    return f"CREATE TABLE {_q(name)} ({like})" + (f" WITH ({storage})" if storage else "")


def _attach(table: str, name: str, day: date) -> str:
    lower, upper = day_bounds(day)
    return f"ALTER TABLE {_q(table)} ATTACH PARTITION {_q(name)} FOR VALUES FROM ('{lower}') TO ('{upper}')"


def _q(name: str) -> str:
    return connection.ops.quote_name(name)
