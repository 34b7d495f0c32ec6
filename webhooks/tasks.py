"""This room's Celery tasks. None of them sends anything: they start what does, and tidy up."""

from __future__ import annotations

from celery import shared_task

from webhooks.engine.hosting import ensure_running
from webhooks.services.idempotency import forget_expired


@shared_task(name="webhooks.drain")
def drain() -> None:
    """Make sure that this worker process has an engine. A hint: engines look for due deliveries by themselves."""
    ensure_running()


@shared_task(name="webhooks.forget_idempotency_keys")
def forget_idempotency_keys() -> None:
    """Forget idempotency keys whose 24 hours are over."""
    forget_expired()
