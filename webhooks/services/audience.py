"""Whom an event goes to: the webhooks that the caller chose, all, or those that want its type.

Each function here is a `Choose`: it runs in the tenant's scope and reads the tenant and the candidates afresh, in one
query and without opening any secret. Whoever disables or deletes a webhook right after that is no problem: engines look
again before they send.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from integrations.models import Tenant
from integrations.postgresql import planned_statements
from integrations.tenant_lookup import is_uuid
from webhooks.errors import TenantInactive, UnknownWebhook, WebhookInactive, WebhookNotConfigured
from webhooks.models import Webhook
from webhooks.routing import Router
from webhooks.target_url import derived_url
from webhooks.validation import is_well_formed_name

_CANDIDATES: Final = """
    SELECT webhook.id, webhook.workflow_name, webhook.is_active, webhook.event_types, webhook.url IS NOT NULL,
        webhook.integration_id
    FROM integrations_tenant AS tenant
    LEFT JOIN webhooks_webhook AS webhook ON webhook.tenant_id = tenant.id AND {condition}
    WHERE tenant.id = %(tenant)s AND tenant.is_active AND tenant.deleted_at IS NULL
    ORDER BY webhook.workflow_name
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What accepting needs to know of a webhook."""

    id: UUID
    workflow_name: str
    is_active: bool
    event_types: list[str]
    has_url: bool
    integration_id: UUID | None


@dataclass(frozen=True, slots=True)
class Audience:
    """`route` tells uses of an idempotency key apart; `targets_of` an event type may refuse with a ServiceError."""

    route: str
    targets_of: Callable[[str], Sequence[Target]]


Choose = Callable[[Tenant], Audience]


def everyone(tenant: Tenant) -> Audience:
    """All active webhooks."""
    targets = _candidates(tenant, "webhook.is_active")
    return Audience("broadcast", lambda event_type: targets)


def subscribers(tenant: Tenant) -> Audience:
    """The active webhooks one of whose patterns matches the event's type."""
    targets = _candidates(tenant, "webhook.is_active AND webhook.event_types <> '[]'::jsonb")
    router = Router((target, target.event_types) for target in targets)
    return Audience("event", router.subscribers)


def chosen(webhooks: Sequence[Webhook]) -> Choose:
    """These webhooks, in this order. The caller's instances may be old, so they are looked up again."""

    def choose(tenant: Tenant) -> Audience:
        ids = [webhook.id for webhook in webhooks]
        stored = {target.id: target for target in _candidates(tenant, "webhook.id = ANY(%(ids)s)", {"ids": ids})}
        for webhook in webhooks:
            if webhook.id not in stored:
                raise UnknownWebhook(f"There is no webhook {webhook.workflow_name} any more.")
        return _called(tenant, [stored[webhook_id] for webhook_id in ids])

    return choose


def named(reference: str) -> Choose:
    """The webhook with this id or workflow name, whatever text it is."""

    def choose(tenant: Tenant) -> Audience:
        condition, value = ("webhook.id", UUID(reference)) if is_uuid(reference) else ("workflow_name", reference)
        # The database is spared texts that it cannot compare.
        is_possible = isinstance(value, UUID) or is_well_formed_name(value)
        found = _candidates(tenant, f"{condition} = %(value)s", {"value": value if is_possible else ""})
        if not found:
            shown = reference if len(reference) <= 100 else f"{reference[:97]}..."
            raise UnknownWebhook(f"The tenant {tenant.slug} has no webhook {shown}.")
        return _called(tenant, found)

    return choose


def _called(tenant: Tenant, targets: Sequence[Target]) -> Audience:
    """Return an audience that was asked for by name: each must be able to receive."""

    def targets_of(event_type: str) -> Sequence[Target]:
        for target in targets:
            if not target.is_active:
                raise WebhookInactive(f"The webhook {target.workflow_name} is disabled: enable it first.")
            if not target.has_url and derived_url(tenant, target.workflow_name, target.integration_id) is None:
                raise WebhookNotConfigured(
                    f"{target.workflow_name} has no url, and no n8n integration has a base_url to derive one from."
                )
        return targets

    return Audience(f"call {' '.join(str(target.id) for target in targets)}", targets_of)


def _candidates(tenant: Tenant, condition: str, parameters: Mapping[str, Any] | None = None) -> list[Target]:
    rows = planned_statements.rows_of(
        _CANDIDATES.format(condition=condition), {"tenant": tenant.id, **(parameters or {})}
    )
    if not rows:  # an active tenant without webhooks still has a row
        raise TenantInactive(f"The tenant {tenant.slug} is inactive and accepts nothing.")
    return [
        Target(row[0], row[1], row[2], json.loads(row[3]) if isinstance(row[3], str) else row[3], row[4], row[5])
        for row in rows
        if row[0] is not None
    ]
