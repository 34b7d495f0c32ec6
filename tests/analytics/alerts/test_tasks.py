from __future__ import annotations

import pytest
from celery import current_app
from django.conf import settings

from analytics.alerts.models import Alert, AlertNotice, AlertRule
from analytics.alerts.tasks import evaluate, forget, send
from integrations.models import Tenant
from tests.analytics.alerts.alert_steps import webhook_channel
from tests.analytics.alerts.watches import Webhooks, watched
from tests.receiver import Receiver


@pytest.mark.parametrize(
    ("entry", "task", "seconds"),
    [
        ("evaluate-alerts", "alerts.evaluate", 30),
        ("send-alerts", "alerts.send", 5),
        ("forget-alerts", "alerts.forget", 3600),
    ],
)
def test_beat_runs_them(entry: str, task: str, seconds: int) -> None:
    scheduled = settings.CELERY_BEAT_SCHEDULE[entry]
    assert (scheduled["task"], scheduled["schedule"]) == (task, seconds)
    assert task in current_app.tasks


def test_from_trouble_to_message(tenant: Tenant, webhooks: Webhooks, receiver: Receiver) -> None:
    webhook_channel(receiver.url("/alerts"), tenant)
    webhooks.disabled = [watched(tenant.id)]
    for task in (evaluate, send, forget):
        task()
    assert receiver.requests[0].json()["type"] == "alert.opened"
    assert (Alert.objects.count(), AlertNotice.objects.get().state) == (1, "sent")
    assert AlertRule.objects.filter(is_default=True).exists()
