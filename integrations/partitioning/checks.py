"""System checks: the tables that grow by the day are partitioned, and tomorrow has its partition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

from integrations.partitioning.days import default_partition_name, today
from integrations.partitioning.partitions import list_partitions, partitioned_models


@register(Tags.database)
def check_partitions(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """Report tables of settings.PARTITIONED_MODELS that are not partitioned, or whose partitions end today."""
    messages: list[CheckMessage] = []
    if "default" not in (databases or ()):
        return messages
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relkind = 'p' FROM pg_class"
            " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')"
        )
        is_partitioned = dict(cursor.fetchall())
    for model in partitioned_models():
        table = model._meta.db_table
        if table not in is_partitioned:
            continue  # not migrated yet
        partitions = list_partitions(model)
        if not is_partitioned[table] or default_partition_name(table) not in {part.name for part in partitions}:
            messages.append(
                Error(
                    f"{table} is not partitioned by day, or has no default partition.",
                    hint="Its migration must create it with CreatePartitionedModel.",
                    obj=model,
                    id="integrations.E020",
                )
            )
        elif today() + timedelta(days=1) not in {part.day for part in partitions}:
            messages.append(
                Warning(
                    f"{table} has no partition for tomorrow.",
                    hint="The task analytics.make_partitions, which beat starts every hour, does not run.",
                    obj=model,
                    id="integrations.W021",
                )
            )
    return messages
