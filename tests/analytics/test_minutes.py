from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from analytics import minutes
from analytics.minutes import forget_minutes
from analytics.models import ALL_TARGETS, HourlyRollup, MinuteRollup
from analytics.tasks import forget_minutes_task
from integrations.ids import uuid7
from tests.analytics.calls import NOW, call, record


def test_minutes_older_than_two_days_go_and_hours_stay(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minutes, "_BATCH", 3)
    tenants = [uuid7() for _ in range(3)]
    ages = [timedelta(hours=hours) for hours in (0, 47, 49, 50, 100)]
    record([call(tenant_id=tenant, timestamp=NOW - age) for tenant in tenants for age in ages])
    assert forget_minutes() == 3 * 3 * 2
    kept = MinuteRollup.objects.filter(target_id=ALL_TARGETS).order_by("minute").values_list("minute", flat=True)
    assert list(kept) == [NOW - timedelta(hours=47)] * 3 + [NOW] * 3
    assert MinuteRollup.objects.count() == 12
    assert HourlyRollup.objects.count() == 30
    assert forget_minutes() == 0


def test_task_is_scheduled(db: None) -> None:
    assert settings.CELERY_BEAT_SCHEDULE["forget-minutes"]["task"] == forget_minutes_task.name
    forget_minutes_task()
