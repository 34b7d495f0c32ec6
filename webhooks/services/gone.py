"""Disabling a webhook because its endpoint said that it is gone."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.isolation.scope import tenant_scope
from webhooks.models import DisabledReason, Webhook
from webhooks.services.holding import hold_waiting


def disable_gone(*, tenant_id: UUID, webhook_id: UUID) -> bool:
    """Disable the webhook and hold what waits for it; tell whether it was active. Safe to repeat.

    410 Gone is an endpoint's way of asking for this (Standard Webhooks 1.0.0, "Operational considerations").
    """
    with tenant_scope(tenant_id):
        found = Webhook.objects.select_for_update(no_key=True).filter(id=webhook_id, is_active=True)
        webhook = found.order_by("id").first()  # the model's own order would lock the tenant, too
        if webhook is None:
            return False
        webhook.is_active = False
        webhook.disabled_reason = DisabledReason.GONE
        webhook.disabled_at = timezone.now()
        webhook.version += 1
        webhook.save(update_fields=["is_active", "disabled_reason", "disabled_at", "version", "updated_at"])
        hold_waiting(webhook)
        record_activity(
            actor=Actor.system("delivery engine"),
            verb="webhook.disabled",
            target=webhook,
            tenant_id=tenant_id,
            changed_fields=["is_active"],
            detail="The endpoint answered 410 Gone.",
        )
    return True
