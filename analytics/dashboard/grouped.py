"""Sums of many webhooks or tenants at once, for tables: one query for any number of them."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from analytics.figures import SUMS, Figures, figures_of
from analytics.rollup_rows import RollupRows, reading


def figures_by(
    key: Literal["target_id", "tenant_id"], found: RollupRows, *, tenant_id: UUID | None
) -> dict[UUID, Figures]:
    """Return the figures of everything that was called, by id. Opens the tenant's scope."""
    with reading(tenant_id):
        return {row[key]: figures_of(row) for row in found.rows.values(key).annotate(**SUMS).order_by()}
