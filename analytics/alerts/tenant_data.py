"""What a tenant owns of alerts, for tenant deletion and for the reset of everything."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from analytics.alerts.models import Alert, AlertChannel, AlertMute, AlertNotice, AlertRule

BATCH: Final = 1_000
# In the order of deletion: what refers to channels before the channels.
_TABLES: Final[tuple[type[Model], ...]] = (AlertNotice, Alert, AlertMute, AlertChannel, AlertRule)


class AlertsDataOwner:
    """Owner of the tables above. With None, for a reset, the platform's own rules and channels stay."""

    def stop(self, tenant_id: UUID) -> None:
        """Do nothing: evaluations and sending pass deleted tenants by."""

    def in_flight(self, since: datetime) -> int:
        """Return 0: an evaluation is one short transaction, and what it wrote is swept with the rest."""
        return 0

    def count(self, tenant_id: UUID | None) -> dict[str, int]:
        """Return the number of rows by table, of one tenant or of all."""
        return {model._meta.db_table: _rows(model, tenant_id).count() for model in _TABLES}

    def delete(self, tenant_id: UUID | None) -> dict[str, int]:
        """Delete in short transactions and return how many rows went from each table; safe to repeat and beside itself."""
        return {model._meta.db_table: _delete_in_batches(_rows(model, tenant_id)) for model in _TABLES}


def _rows(model: type[Model], tenant_id: UUID | None) -> QuerySet[Any]:
    rows = model._base_manager.all()
    if tenant_id is not None and model is AlertNotice:
        # What the platform's channels were told about the tenant goes, too.
        about = Alert.objects.filter(tenant_id=tenant_id).values("id")
        return rows.filter(Q(tenant_id=tenant_id) | Q(alert_id__in=about))
    if tenant_id is not None:
        return rows.filter(tenant_id=tenant_id)
    # All alerts and notices go, the platform's too: they tell of tenants that are no more.
    return rows if model in {Alert, AlertNotice} else rows.filter(tenant_id__isnull=False)


def _delete_in_batches(rows: QuerySet[Any]) -> int:
    total = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        _, by_model = rows.filter(pk__in=ids).delete()
        total += by_model.get(rows.model._meta.label, 0)
    return total


owner = AlertsDataOwner()
