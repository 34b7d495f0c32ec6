"""This room's Celery tasks. None of them sends anything: they start what does, and tidy up."""

from __future__ import annotations

from celery import shared_task

from webhooks.engine.hosting import ensure_running
from webhooks.services import holding, signing_secrets
from webhooks.services.idempotency import forget_expired


@shared_task(name="webhooks.drain")
def drain() -> None:
    """Make sure that this worker process has an engine. A hint: engines look for due deliveries by themselves."""
    ensure_running()


@shared_task(name="webhooks.forget_idempotency_keys")
def forget_idempotency_keys() -> None:
    """Forget idempotency keys whose 24 hours are over."""
    forget_expired()


@shared_task(name="webhooks.expire_held")
def expire_held() -> None:
    """Fail what webhooks that were disabled 7 days ago still hold."""
    holding.expire_held()


@shared_task(name="webhooks.forget_previous_secrets")
def forget_previous_secrets() -> None:
    """Erase signing secrets of before a rotation whose overlap is over."""
    signing_secrets.forget_previous_secrets()
