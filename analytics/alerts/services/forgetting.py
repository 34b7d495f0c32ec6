"""Retention of alerts and of what was told of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from analytics.alerts.models import Alert, AlertNotice

NOTICES_KEPT: Final = timedelta(days=30)
_BATCH: Final = 5_000


def forget_old_alerts() -> tuple[int, int]:
    """Delete alerts that recovered longer ago than `ALERT_RETENTION_DAYS`, and notices of more than 30 days ago.

    In batches that are committed one by one; safe beside itself. Return how many alerts and notices went.
    """
    now = timezone.now()
    alerts = Alert.objects.filter(recovered_at__lt=now - timedelta(days=settings.ALERT_RETENTION_DAYS))
    notices = AlertNotice.objects.filter(created_at__lt=now - NOTICES_KEPT)
    return _delete(alerts), _delete(notices)


def _delete(rows: QuerySet[Any]) -> int:
    total = 0
    while ids := list(rows.order_by("id").values_list("id", flat=True)[:_BATCH]):
        total += rows.filter(id__in=ids).delete()[0]
    return total
