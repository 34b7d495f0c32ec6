from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from analytics.alerts.models import Alert, AlertNotice
from analytics.alerts.services.forgetting import forget_old_alerts
from integrations.models import Tenant
from tests.analytics.alerts.alert_steps import email_channel, make_alert, notice


def test_forgets_what_recovered_long_ago_and_old_notices(tenant: Tenant, settings: Any) -> None:
    settings.ALERT_RETENTION_DAYS = 7
    now, channel = timezone.now(), email_channel(tenant)
    make_alert(tenant, recovered_at=now - timedelta(days=7, seconds=1))
    kept = {
        make_alert(tenant, recovered_at=now - timedelta(days=6)),
        make_alert(tenant, opened_at=now - timedelta(days=99)),
    }
    notice(channel, min(kept, key=str), created_at=now - timedelta(days=31))
    newer = notice(channel, min(kept, key=str), created_at=now - timedelta(days=29))
    assert forget_old_alerts() == (1, 1)
    assert set(Alert.objects.all()) == kept
    assert list(AlertNotice.objects.all()) == [newer]
