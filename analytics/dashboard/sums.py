"""Sums for tables and cards, one query for any number of webhooks or tenants.

Histograms are what adding up costs. So everything that was called is counted without them, to find what is shown;
times are read of that alone.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from django.db.models import Sum

from analytics.figures import SUMS, Figures, figures_of
from analytics.period import Period
from analytics.rollup_rows import RollupRows, reading, rollups_in
from analytics.timeseries import Counts

Key = Literal["target_id", "tenant_id"]


def counts_by(key: Key, found: RollupRows, *, tenant_id: UUID | None) -> dict[UUID, Counts]:
    """Return the calls of everything that was called, by id. Opens the tenant's scope."""
    grouped = found.rows.values(key).annotate(sum_calls=Sum("calls"), sum_failed=Sum("failed")).order_by()
    with reading(tenant_id):
        return {row[key]: Counts(int(row["sum_calls"]), int(row["sum_failed"])) for row in grouped}


def figures_by(key: Key, found: RollupRows, *, ids: Collection[UUID], tenant_id: UUID | None) -> dict[UUID, Figures]:
    """Return the figures of those of `ids` that were called. Opens the tenant's scope."""
    grouped = found.rows.filter(**{f"{key}__in": ids}).values(key).annotate(**SUMS).order_by()
    with reading(tenant_id):
        return {row[key]: figures_of(row) for row in grouped}


def calls_in(period: Period, *, tenant_id: UUID | None, webhook_id: UUID | None) -> int:
    """Return how many calls there were in a period. Opens the tenant's scope."""
    rows = rollups_in(period, tenant_id=tenant_id, webhook_id=webhook_id).rows
    with reading(tenant_id):
        return int(rows.aggregate(total=Sum("calls", default=0))["total"])
