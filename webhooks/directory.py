"""What other rooms may ask about webhooks without importing this one: `settings.WEBHOOK_DIRECTORY` names `directory`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from webhooks.models import Webhook
from webhooks.payload_queries import shown_payloads
from webhooks.queries import identified_by


@dataclass(frozen=True, slots=True)
class KnownWebhook:
    """A webhook that exists now."""

    id: UUID
    name: str


class Directory:
    """Looks up a tenant's webhooks and payloads. Called inside the tenant's scope; a fixed number of queries each."""

    def find(self, tenant_id: UUID, reference: str) -> KnownWebhook | None:
        """Return the webhook whose id or workflow name `reference` is, whatever text it is."""
        found = identified_by(tenant_id, reference).values_list("id", "workflow_name").first()
        return KnownWebhook(*found) if found else None

    def names(self, tenant_id: UUID, ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the workflow names of those of `ids` that exist."""
        return dict(Webhook.objects.filter(tenant_id=tenant_id, id__in=ids).values_list("id", "workflow_name"))

    def payloads(self, tenant_id: UUID, event_ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the payloads, with what is redacted hidden, of those events that still have theirs."""
        return shown_payloads(tenant_id, event_ids)


directory = Directory()
