"""Forgetting a webhook's failures: its breaker closes, and its days of nothing but failures begin anew.

What is written here is `webhook_runtime`, which recording transactions write too (`webhooks.engine.health`).
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.models import Webhook, WebhookRuntime
from webhooks.services.locking import locked_webhook

_HAS_FAILURES = Q(consecutive_failures__gt=0) | Q(breaker_open_until__isnull=False) | Q(failing_since__isnull=False)


def reset_breaker(*, actor: Actor, tenant: Tenant, webhook_id: UUID) -> bool:
    """Close the webhook's breaker, so that what waits behind it is sent now; tell whether there was something to forget.

    Raises NotFoundError. Writes an activity entry unless nothing changes.
    """
    with tenant_scope(tenant):
        webhook = locked_webhook(tenant, webhook_id)
        if not forget_failures(webhook):
            return False
        record_activity(actor=actor, verb="webhook.breaker_reset", target=webhook, tenant_id=tenant.id)
    return True


def forget_failures(webhook: Webhook) -> bool:
    """Forget them in the caller's transaction and scope; tell whether there were any."""
    rows = WebhookRuntime.objects.filter(_HAS_FAILURES, tenant_id=webhook.tenant_id, webhook_id=webhook.id)
    nothing = {"consecutive_failures": 0, "breaker_opened_count": 0, "breaker_open_until": None, "failing_since": None}
    return rows.update(**nothing) > 0
