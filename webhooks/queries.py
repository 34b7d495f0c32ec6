"""Reads of webhooks, and what of one may be shown: secrets masked, a derived address worked out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from integrations.platform_roles import HIDDEN
from integrations.tenant_lookup import is_uuid
from webhooks.breaker import Health
from webhooks.models import Webhook
from webhooks.target_url import DerivedUrls
from webhooks.validation import is_well_formed_name


def webhooks_of(tenant_id: UUID) -> QuerySet[Webhook]:
    """Return a tenant's webhooks with their totals and runtime. Lazy: evaluate it inside the tenant's scope."""
    webhooks = Webhook.objects.filter(tenant_id=tenant_id).select_related("stats", "runtime")
    return webhooks.order_by("workflow_name", "id")


def identified_by(tenant_id: UUID, reference: str) -> QuerySet[Webhook]:
    """Return the one webhook, or none, that a path segment or a caller names: by id or workflow name, any text."""
    if is_uuid(reference):
        return webhooks_of(tenant_id).filter(id=UUID(reference))
    if is_well_formed_name(reference):
        return webhooks_of(tenant_id).filter(workflow_name=reference)
    return webhooks_of(tenant_id).none()  # the database is spared texts that it cannot compare


def get_webhook(tenant: Tenant, reference: str) -> Webhook:
    """Return the tenant's webhook with this id or workflow name; raises NotFoundError."""
    with tenant_scope(tenant):
        webhook = identified_by(tenant.id, reference).first()
    if webhook is None:
        raise NotFoundError("This tenant has no such webhook.")
    webhook.tenant = tenant
    return webhook


def health_of(webhook: Webhook) -> Health:
    """Return what is remembered of its attempts; of a webhook that was never sent to, a clean slate."""
    runtime = getattr(webhook, "runtime", None)
    if runtime is None:
        return Health()
    return Health(
        consecutive_failures=runtime.consecutive_failures,
        opened_count=runtime.breaker_opened_count,
        open_until=runtime.breaker_open_until,
        failing_since=runtime.failing_since,
    )


@dataclass(frozen=True, slots=True)
class ShownWebhook:
    """What people may see of a webhook's encrypted fields: its address whole, everything else masked.

    To those who may see no secrets, all of it is hidden, the address too: its path may be one. `unreadable` names the fields that do not open under their key; those are None.
    """

    url: str | None
    url_derived: bool
    auth_token: str | None
    headers: dict[str, str | None]
    unreadable: list[str]


def shown(webhook: Webhook, derived: DerivedUrls, *, hide_secrets: bool = False) -> ShownWebhook:
    """Open and mask, or hide. A derived url is None while there is nothing to derive it from.

    Raises KeyNotAtHandError when this process lacks the key; nothing is wrong with the webhook then.
    """
    unreadable: list[str] = []

    def opened(field: str, secret: Secret | None, *, masked: bool) -> str | None:
        if secret is None:
            return None
        if hide_secrets:
            return HIDDEN
        try:
            return secret.masked() if masked else secret.reveal()
        except UnreadableSecretError:
            unreadable.append(field)
            return None

    stored_headers: Mapping[str, Secret] = webhook.headers
    url_derived = webhook.url is None
    url = (
        derived.url(workflow_name=webhook.workflow_name, integration_id=webhook.integration_id)
        if url_derived
        else opened("url", webhook.url, masked=False)
    )
    return ShownWebhook(
        url=HIDDEN if hide_secrets and url is not None else url,
        url_derived=url_derived,
        auth_token=opened("auth_token", webhook.auth_token, masked=True),
        headers={name: opened(f"headers.{name}", value, masked=True) for name, value in stored_headers.items()},
        unreadable=unreadable,
    )
