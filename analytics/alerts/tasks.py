"""What workers do for alerts."""

from __future__ import annotations

import structlog
from celery import shared_task

from analytics.alerts.services.evaluating import evaluate_alerts
from analytics.alerts.services.forgetting import forget_old_alerts
from analytics.alerts.services.sending import send_notices

logger = structlog.get_logger(__name__)


@shared_task(name="alerts.evaluate")
def evaluate() -> None:
    """Evaluate all rules; scheduled every 30 seconds. What has to be told is sent by `alerts.send`."""
    done = evaluate_alerts()
    if done.notices or done.failed:
        logger.info("alerts_evaluated", rules=done.rules, failed=done.failed, notices=done.notices)


@shared_task(name="alerts.send")
def send() -> None:
    """Send what waits in the outbox; scheduled every 5 seconds."""
    send_notices()


@shared_task(name="alerts.forget")
def forget() -> None:
    """Forget alerts and notices that are past their time; scheduled every hour."""
    forget_old_alerts()
