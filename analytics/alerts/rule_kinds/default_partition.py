from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from analytics.alerts.rule_kinds.base import Finding, RuleKind
from integrations.partitioning.partitions import count_default_rows, partitioned_models


class DefaultPartition(RuleKind):
    key: ClassVar = "default_partition"
    label: ClassVar = "Default partition not empty"
    description: ClassVar = (
        "Rows lie in the default partition of a table: its partitions were not made in time, or a clock is wrong."
    )
    for_tenants: ClassVar = False
    objects: ClassVar = "table"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding]:
        counts = {model._meta.db_table: count_default_rows(model) for model in partitioned_models()}
        return [
            Finding(
                key=table,
                label=table,
                value=rows,
                sentence=f"{rows:,} rows lie in the default partition. Is beat running, and are the clocks right?",
            )
            for table, rows in counts.items()
            if rows
        ]
