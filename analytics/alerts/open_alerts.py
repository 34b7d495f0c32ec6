"""What the admin's index shows of open alerts."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Count

from analytics.alerts.models import Alert, AlertChannel

MOST_SHOWN: Final = 10


def open_alerts_context() -> dict[str, Any]:
    """Return the context of `admin/analytics/open_alerts.html`, read as the owner: three queries, whatever is open.

    The newest of the platform's open alerts, their number by kind, and the channels of the platform that fail.
    """
    found = Alert.objects.filter(of_platform=True, recovered_at=None)
    kinds = found.order_by().values("rule_kind", "rule_name").annotate(n=Count("id")).order_by("-n", "rule_kind")
    by_kind = [{"kind": row["rule_kind"], "name": row["rule_name"], "count": row["n"]} for row in kinds]
    total = sum(row["count"] for row in by_kind)
    channels = AlertChannel.objects.filter(tenant_id__isnull=True, enabled=True).order_by("id")
    told = list(channels.only("id", "name", "last_error", "failures"))
    return {
        "alerts": list(found.select_related("tenant").order_by("-opened_at", "-id")[:MOST_SHOWN]),
        "by_kind": by_kind,
        "total": total,
        "more": max(total - MOST_SHOWN, 0),
        "has_channel": bool(told),
        "failing_channels": [channel for channel in told if channel.last_error],
    }
