"""What other rooms may ask about credentials: `settings.ALERT_CREDENTIAL_WATCH` names `watch`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
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
    """A few queries each: of a tenant, inside its scope, or with None of all active tenants, as the owner."""

    def failing(self, tenant_id: UUID | None) -> list[KnownCredential]:
        """Return the enabled integrations whose last test failed or that ask for a new authorisation."""
        return _integrations(tenant_id, _REASONS)

    def expiring(self, tenant_id: UUID | None, *, now: datetime, before: datetime) -> list[KnownCredential]:
        """Return the live API keys and integrations' credentials that expire before then, or are due to be replaced.

        `since` is when. Not keys that were rotated. Secrets older than `CREDENTIAL_MAX_AGE_DAYS` are due, overdue ones too.
        """
        keys = APIKey.objects.filter(revoked_at=None, expires_at__gt=now, expires_at__lt=before, successors=None)
        found = _of(keys, tenant_id).order_by("id").values_list("tenant_id", "id", "name", "expires_at")
        expiring = [KnownCredential(tenant, key, name, ends, "API key expires") for tenant, key, name, ends in found]
        return [*expiring, *_ending(tenant_id, now, before), *_old(tenant_id, before)]

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


def _ending(tenant_id: UUID | None, now: datetime, before: datetime) -> list[KnownCredential]:
    rows = Integration.objects.filter(enabled=True, expires_at__gt=now, expires_at__lt=before)
    found = _of(rows, tenant_id).order_by("id").values_list("tenant_id", "id", "name", "expires_at")
    return [KnownCredential(tenant, row, name, ends, "credentials end") for tenant, row, name, ends in found]


def _old(tenant_id: UUID | None, before: datetime) -> list[KnownCredential]:
    """Of those that end besides only one is told: the end, which is the worse."""
    if not settings.CREDENTIAL_MAX_AGE_DAYS:
        return []
    longest = timedelta(days=settings.CREDENTIAL_MAX_AGE_DAYS)
    rows = Integration.objects.filter(enabled=True, secret_changed_at__lt=before - longest).exclude(
        expires_at__lt=before
    )
    found = _of(rows, tenant_id).order_by("id").values_list("tenant_id", "id", "name", "secret_changed_at")
    return [
        KnownCredential(tenant, row, name, changed_at + longest, "secrets are due to be replaced")
        for tenant, row, name, changed_at in found
    ]


def _of(rows: QuerySet[Any], tenant_id: UUID | None) -> QuerySet[Any]:
    if tenant_id is not None:
        return rows.filter(tenant_id=tenant_id)
    return rows.filter(tenant__is_active=True, tenant__deleted_at=None)


watch = Credentials()
