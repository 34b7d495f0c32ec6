"""What alerts may ask about webhooks and deliveries: `settings.ALERT_WEBHOOK_WATCH` names `watch`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from webhooks.breaker import opened_at
from webhooks.models import DisabledReason, Webhook, WebhookRuntime
from webhooks.queue_state import delivery_lag

_REASONS: Final = {
    DisabledReason.GONE: "the endpoint answered 410 Gone",
    DisabledReason.FAILING: "nothing but failures for days",
}

# A loose index scan, as claims make it: one probe for each webhook that has something waiting, however much that is.
# A tenant cannot see engines: `webhooks.queue_state` is more exact for the whole platform.
# Left out is what its own webhook keeps waiting: a breaker that is not closed, a rate limit, places that are all taken.
_LAG: Final = """
WITH RECURSIVE waiting AS (
    (SELECT tenant_id, target_id FROM webhooks_due
        WHERE lease_by IS NULL AND tenant_id = %(tenant)s
        ORDER BY target_id LIMIT 1)
    UNION ALL
    SELECT next.tenant_id, next.target_id FROM waiting, LATERAL (
        SELECT due.tenant_id, due.target_id FROM webhooks_due AS due
        WHERE due.lease_by IS NULL AND due.tenant_id = waiting.tenant_id AND due.target_id > waiting.target_id
        ORDER BY due.target_id LIMIT 1
    ) AS next
), leased AS MATERIALIZED (
    SELECT target_id, count(*) AS rows FROM webhooks_due WHERE lease_by IS NOT NULL GROUP BY target_id
)
SELECT now() - min(first.due_at)
FROM waiting
JOIN integrations_tenant AS tenant ON tenant.id = waiting.tenant_id AND tenant.is_active AND tenant.deleted_at IS NULL
LEFT JOIN webhooks_webhook AS webhook ON webhook.id = waiting.target_id
LEFT JOIN webhooks_webhookruntime AS runtime ON runtime.webhook_id = waiting.target_id
LEFT JOIN leased ON leased.target_id = waiting.target_id
CROSS JOIN LATERAL (
    SELECT due_at FROM webhooks_due AS due
    WHERE due.lease_by IS NULL AND due.tenant_id = waiting.tenant_id AND due.target_id = waiting.target_id
    ORDER BY due.due_at LIMIT 1
) AS first
WHERE first.due_at <= now() AND runtime.breaker_open_until IS NULL AND webhook.rate_limit_per_minute IS NULL
    AND coalesce(leased.rows, 0) < coalesce(webhook.max_concurrency, 16)
"""


@dataclass(frozen=True, slots=True)
class KnownWebhook:
    tenant_id: UUID
    id: UUID
    name: str
    since: datetime | None
    reason: str = ""


class WebhookWatch:
    """One query each: of a tenant, inside its scope, or with None of all active tenants, as the owner."""

    def names(self, tenant_id: UUID | None, ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the names of those of `ids` that exist and are active."""
        found = _of(Webhook.objects.filter(id__in=ids, is_active=True), tenant_id) if ids else Webhook.objects.none()
        return dict(found.values_list("id", "workflow_name"))

    def auto_disabled(self, tenant_id: UUID | None) -> list[KnownWebhook]:
        """Return the webhooks that the engine disabled, with the reason."""
        disabled = _of(Webhook.objects.filter(is_active=False, disabled_reason__in=list(_REASONS)), tenant_id)
        rows = disabled.order_by("id").values_list("tenant_id", "id", "workflow_name", "disabled_at", "disabled_reason")
        return [
            KnownWebhook(tenant, webhook_id, name, since, reason=_REASONS[DisabledReason(reason)])
            for tenant, webhook_id, name, since, reason in rows
        ]

    def open_breakers(self, tenant_id: UUID | None) -> list[KnownWebhook]:
        """Return the active webhooks whose breaker is open or half open, since when at the latest."""
        rows = WebhookRuntime.objects.filter(breaker_open_until__isnull=False, webhook__is_active=True)
        found = (
            _of(rows, tenant_id)
            .order_by("webhook_id")
            .select_related("webhook")
            .only(
                "tenant_id",
                "breaker_open_until",
                "breaker_opened_count",
                "webhook__workflow_name",
                "webhook__tenant_id",
            )
        )
        return [
            KnownWebhook(
                row.tenant_id,
                row.webhook_id,
                row.webhook.workflow_name,
                since=opened_at(row.breaker_open_until, row.breaker_opened_count),
            )
            for row in found
            if row.breaker_open_until is not None
        ]

    def delivery_lag(self, tenant_id: UUID | None) -> timedelta:
        """Return for how long the longest overdue delivery has waited for an engine."""
        if tenant_id is None:
            return timedelta(seconds=delivery_lag().ready)
        with connection.cursor() as cursor:
            cursor.execute(_LAG, {"tenant": tenant_id})
            [(lag,)] = cursor.fetchall()
        return lag or timedelta(0)


def _of(rows: QuerySet[Any], tenant_id: UUID | None) -> QuerySet[Any]:
    if tenant_id is not None:
        return rows.filter(tenant_id=tenant_id)
    return rows.filter(tenant__is_active=True, tenant__deleted_at=None)


watch = WebhookWatch()
