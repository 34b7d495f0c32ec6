"""What other rooms may ask about webhooks without importing this one: `settings.WEBHOOK_DIRECTORY` names `directory`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from webhooks.models import Webhook
from webhooks.payload_queries import shown_payloads
from webhooks.queries import identified_by


@dataclass(frozen=True, slots=True)
class KnownWebhook:
    """A webhook that exists now."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class ListedWebhook:
    """A webhook as a dashboard lists it: nothing of its address, nothing encrypted."""

    id: UUID
    name: str
    tenant_id: UUID
    is_active: bool
    last_called_at: datetime | None


class Directory:
    """Looks up a tenant's webhooks and payloads. Called inside the tenant's scope; a fixed number of queries each."""

    def find(self, tenant_id: UUID, reference: str) -> KnownWebhook | None:
        """Return the webhook whose id or workflow name `reference` is, whatever text it is."""
        found = identified_by(tenant_id, reference).values_list("id", "workflow_name").first()
        return KnownWebhook(*found) if found else None

    def names(self, tenant_id: UUID, ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the workflow names of those of `ids` that exist."""
        return dict(Webhook.objects.filter(tenant_id=tenant_id, id__in=ids).values_list("id", "workflow_name"))

    def listed(self, tenant_id: UUID | None, *, limit: int, ids: Collection[UUID] | None = None) -> list[ListedWebhook]:
        """Return at most `limit` webhooks of a tenant by name, only those of `ids` if given.

        With `None` as the tenant those of all tenants that are not deleted: for the owner role, outside of any scope.
        """
        webhooks = (
            Webhook.objects.filter(tenant__deleted_at=None)
            if tenant_id is None
            else Webhook.objects.filter(tenant_id=tenant_id)
        )
        if ids is not None:
            webhooks = webhooks.filter(id__in=ids)
        rows = webhooks.order_by("workflow_name", "id").values_list(
            "id", "workflow_name", "tenant_id", "is_active", "stats__last_called_at"
        )
        return [ListedWebhook(*row) for row in rows[:limit]]

    def payloads(self, tenant_id: UUID, event_ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the payloads, with what is redacted hidden, of those events that still have theirs."""
        return shown_payloads(tenant_id, event_ids)


directory = Directory()
