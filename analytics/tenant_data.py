"""What a tenant owns in this room, for tenant deletion and for the reset of everything."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, models, transaction

from analytics.models import HourlyRollup, MinuteRollup, PurgeHorizon, TenantRetention, WebhookCall
from analytics.retention import delete_in_batches

_TABLES: Final[tuple[type[models.Model], ...]] = (
    WebhookCall,
    HourlyRollup,
    MinuteRollup,
    TenantRetention,
    PurgeHorizon,
)


class AnalyticsData:
    """Counts and deletes calls and rollups, as the owner role (`integrations.ports.TenantDataOwner`)."""

    def stop(self, tenant_id: UUID) -> None:
        """Nothing here goes on by itself: rows are written by deliveries, which their own room stops."""

    def in_flight(self, since: datetime) -> int:
        """Return 0: calls are written by the engine, which answers for itself."""
        return 0

    def count(self, tenant_id: UUID | None) -> dict[str, int]:
        """Return the rows of a tenant, or of all, by table."""
        return {model._meta.db_table: _rows(model, tenant_id).count() for model in _TABLES}

    def delete(self, tenant_id: UUID | None) -> dict[str, int]:
        """Delete the rows of a tenant, in batches that are committed one by one, or all rows at once.

        All rows go by TRUNCATE, which waits for every reader and writer: for a site whose workers are stopped.
        """
        if tenant_id is None:
            return self._truncate()
        deleted = {WebhookCall._meta.db_table: sum(delete_in_batches(WebhookCall.objects.filter(tenant_id=tenant_id)))}
        for model in (HourlyRollup, MinuteRollup):
            rollups = model._default_manager.filter(tenant_id=tenant_id)
            targets = list(rollups.order_by().values_list("target_id", flat=True).distinct())
            rows = sum(rollups.filter(target_id=target_id).delete()[0] for target_id in targets)
            deleted[model._meta.db_table] = rows
        for table in (TenantRetention, PurgeHorizon):
            deleted[table._meta.db_table] = _rows(table, tenant_id).delete()[0]
        return deleted

    def _truncate(self) -> dict[str, int]:
        with transaction.atomic(), connection.cursor() as cursor:
            deleted = self.count(None)
            cursor.execute(f"TRUNCATE {', '.join(map(connection.ops.quote_name, deleted))}")
        return deleted


def _rows(model: type[models.Model], tenant_id: UUID | None) -> models.QuerySet[models.Model]:
    rows = model._default_manager.all()
    return rows if tenant_id is None else rows.filter(tenant_id=tenant_id)


owner = AnalyticsData()
