"""What other rooms may ask about credentials: `settings.ALERT_CREDENTIAL_WATCH` names `watch`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from integrations.models import APIKey, Health, Integration

_REASONS: Final = {
    Health.FAILING: "its last test failed",
    Health.REAUTH_REQUIRED: "it has to be authorised anew",
}


@dataclass(frozen=True, slots=True)
class KnownCredential:
    tenant_id: UUID
    id: UUID
    name: str
    since: datetime | None
    reason: str = ""


class Credentials:
    """One query each: of a tenant, inside its scope, or with None of all active tenants, as the owner."""

    def failing(self, tenant_id: UUID | None) -> list[KnownCredential]:
        """Return the enabled integrations whose last test failed or that ask for a new authorisation."""
        return _integrations(tenant_id, _REASONS)

    def expiring(self, tenant_id: UUID | None, *, now: datetime, before: datetime) -> list[KnownCredential]:
        """Return the live API keys that expire before then; `since` is when they expire. Not those that were rotated."""
        keys = APIKey.objects.filter(revoked_at=None, expires_at__gt=now, expires_at__lt=before, successors=None)
        found = _of(keys, tenant_id).order_by("id").values_list("tenant_id", "id", "name", "expires_at")
        return [KnownCredential(tenant, key, name, expires_at, "API key") for tenant, key, name, expires_at in found]

    def unreadable(self, tenant_id: UUID | None) -> list[KnownCredential]:
        """Return the enabled integrations with a secret that does not open."""
        return _integrations(tenant_id, [Health.UNREADABLE])


def _integrations(tenant_id: UUID | None, healths: Iterable[str]) -> list[KnownCredential]:
    rows = Integration.objects.filter(enabled=True, health__in=list(healths))
    found = _of(rows, tenant_id).order_by("id").values_list("tenant_id", "id", "name", "health")
    return [
        KnownCredential(tenant, row, name, None, _REASONS.get(Health(health), ""))
        for tenant, row, name, health in found
    ]


def _of(rows: QuerySet[Any], tenant_id: UUID | None) -> QuerySet[Any]:
    if tenant_id is not None:
        return rows.filter(tenant_id=tenant_id)
    return rows.filter(tenant__is_active=True, tenant__deleted_at=None)


watch = Credentials()
