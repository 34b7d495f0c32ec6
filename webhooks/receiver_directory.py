"""What provider actions are told of receivers: where events may be delivered (`integrations.ports.ReceiverDirectory`)."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from integrations.providers.actions import ReceiverPlace
from webhooks.models import Receiver


class Directory:
    """Reads in the tenant's scope, which its callers open."""

    def active(self, tenant_id: UUID, provider: str) -> list[ReceiverPlace]:
        rows = Receiver.objects.filter(tenant_id=tenant_id, provider=provider, is_active=True).order_by("name")
        return [ReceiverPlace(str(row.pk), row.name, row.address, row.secret.reveal()) for row in rows]


directory: Final = Directory()
