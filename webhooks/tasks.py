"""This room's Celery tasks. None of them sends anything: they start what does, and tidy up."""

from __future__ import annotations

from celery import shared_task

from webhooks.engine.hosting import ensure_running
from webhooks.services import holding, receivers, redacting, signing_secrets
from webhooks.services.idempotency import forget_expired
from webhooks.services.inbound_publishing import publish_stored
from webhooks.services.inbound_retention import forget_received as forget_what_was_received
from webhooks.services.recovering import advance_recoveries as advance


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


@shared_task(name="webhooks.move_backlogs")
def move_backlogs() -> None:
    """Go on with what was begun when webhooks were disabled, enabled or deleted."""
    holding.move_backlogs()


@shared_task(name="webhooks.forget_previous_secrets")
def forget_previous_secrets() -> None:
    """Erase secrets of before a rotation whose overlap is over."""
    signing_secrets.forget_previous_secrets()
    receivers.forget_previous_secrets()


@shared_task(name="webhooks.advance_recoveries")
def advance_recoveries() -> None:
    """Take every running recovery one slice further."""
    advance()


@shared_task(name="webhooks.publish_received")
def publish_received() -> None:
    """Publish requests that were received and stored, whose process did not come to publish them."""
    publish_stored()


@shared_task(name="webhooks.forget_received")
def forget_received() -> None:
    """Forget received requests, keys of events and counts that are past their time."""
    forget_what_was_received()


@shared_task(name="webhooks.redact_payloads")
def redact_payloads() -> None:
    """Take out of stored payloads what redaction rules hide, once their deliveries have ended."""
    redacting.mark_earlier_payloads()
    redacting.redact_finished()
