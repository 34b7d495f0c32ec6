"""Where a webhook's deliveries go: its own address, or one derived from an integration's base address (n8n)."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit
from uuid import UUID

from integrations.models import Tenant
from integrations.queries import base_url_for_webhooks
from webhooks.errors import WebhookNotConfigured
from webhooks.models import Webhook


def derive_url(*, base_url: str, tenant_id: UUID, tenant_slug: str, workflow_name: str) -> str:
    """Return `{base_url}/{tenant slug}/{workflow_name with _ as -}`.

    The tenant part is left out where the last path segment of `base_url` names the tenant already, by slug or id.
    """
    base = base_url.rstrip("/")
    last_segment = unquote(urlsplit(base).path.rpartition("/")[2])
    workflow = workflow_name.replace("_", "-")
    if last_segment in {tenant_slug, str(tenant_id)}:
        return f"{base}/{workflow}"
    return f"{base}/{tenant_slug}/{workflow}"


class DerivedUrls:
    """Derived addresses of one tenant's webhooks, for as long as one request or form lives.

    Each base is read once, so that a list costs the same however many webhooks it shows.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._bases: dict[UUID | None, str | None] = {}

    def url(self, *, workflow_name: str, integration_id: UUID | None = None) -> str | None:
        """Return where a webhook of this name is sent when it has no url of its own; None when there is no base."""
        if integration_id not in self._bases:
            self._bases[integration_id] = base_url_for_webhooks(self._tenant.id, integration_id)
        base_url = self._bases[integration_id]
        if base_url is None:
            return None
        return derive_url(
            base_url=base_url,
            tenant_id=self._tenant.id,
            tenant_slug=self._tenant.slug,
            workflow_name=workflow_name,
        )


def derived_url(tenant: Tenant, workflow_name: str, integration_id: UUID | None = None) -> str | None:
    """Return where a webhook of this name would be sent without a url of its own; None when there is no base."""
    return DerivedUrls(tenant).url(workflow_name=workflow_name, integration_id=integration_id)


def target_url(webhook: Webhook) -> str:
    """Return the address that a delivery of `webhook` goes to now: a derived one is never stored.

    Reads the tenant and its integrations when the webhook has no url of its own. Raises WebhookNotConfigured when there is no base to derive one from, and EncryptionError when a url cannot be read.
    """
    if webhook.url is not None:
        return webhook.url.reveal()
    url = derived_url(webhook.tenant, webhook.workflow_name, webhook.integration_id)
    if url is None:
        raise WebhookNotConfigured(
            f"{webhook.workflow_name} has no url, and no n8n integration has a base_url to derive one from."
        )
    return url
