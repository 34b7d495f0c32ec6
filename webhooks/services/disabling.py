"""Disabling a webhook because of what its endpoint says: that it is gone, or nothing but failures for days."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import structlog
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.isolation.scope import tenant_scope
from webhooks.breaker import DISABLE_AFTER
from webhooks.models import DisabledReason, Webhook, WebhookRuntime
from webhooks.services.holding import hold_waiting

logger = structlog.get_logger(__name__)

_DETAILS: Final = {
    DisabledReason.GONE: "The endpoint answered 410 Gone.",
    DisabledReason.FAILING: f"Nothing but failures for {DISABLE_AFTER.days} days.",
}


def disable_by_engine(*, tenant_id: UUID, webhook_id: UUID, reason: DisabledReason) -> bool:
    """Disable the webhook and hold what waits for it; tell whether that happened. Safe to repeat.

    For `GONE`: 410 is an endpoint's way of asking for this (Standard Webhooks 1.0.0, "Operational considerations").
    For `FAILING` the webhook's runtime is looked at again under the lock: a success, or a person who enabled it, may
    have come in between.
    """
    with tenant_scope(tenant_id):
        found = Webhook.objects.select_for_update(no_key=True).filter(id=webhook_id, is_active=True)
        webhook = found.order_by("id").first()  # the model's own order would lock the tenant, too
        if webhook is None or (reason is DisabledReason.FAILING and not _is_failing(webhook)):
            return False
        webhook.is_active = False
        webhook.disabled_reason = reason
        webhook.disabled_at = timezone.now()
        webhook.version += 1
        webhook.save(update_fields=["is_active", "disabled_reason", "disabled_at", "version", "updated_at"])
        held = hold_waiting(webhook)
        record_activity(
            actor=Actor.system("delivery engine"),
            verb="webhook.disabled",
            target=webhook,
            tenant_id=tenant_id,
            changed_fields=["is_active"],
            detail=_DETAILS[reason],
        )
    logger.error(
        "webhook_disabled",
        reason=reason.value,
        detail=_DETAILS[reason],
        tenant_id=str(tenant_id),
        webhook_id=str(webhook_id),
        workflow_name=webhook.workflow_name,
        held=held,
    )
    return True


def _is_failing(webhook: Webhook) -> bool:
    since = timezone.now() - DISABLE_AFTER
    return WebhookRuntime.objects.filter(webhook_id=webhook.id, failing_since__lte=since).exists()
