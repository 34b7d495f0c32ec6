"""This room's part of deleting a tenant: its integrations, people's roles in it, its activity, its keys."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from integrations.activity.maintenance import activity_maintenance
from integrations.isolation.tables import TENANT_COLUMN
from integrations.models import (
    ActivityLog,
    APIKey,
    APIKeyUsage,
    CredentialVersion,
    DataKey,
    IdempotencyAnswer,
    Integration,
    Invitation,
    Membership,
    OAuthGrant,
    OAuthState,
    ProviderActionLease,
    ProviderActionState,
    Tenant,
    User,
)

BATCH = 1_000
_OF_TENANTS: list[type[Model]] = [
    APIKeyUsage,
    APIKey,
    IdempotencyAnswer,
    CredentialVersion,
    OAuthState,
    OAuthGrant,
    ProviderActionLease,
    ProviderActionState,
    Integration,
    Invitation,
    Membership,
    ActivityLog,
    DataKey,
]


class IntegrationsDataOwner:
    """Owner of the tables below, in the order of deletion. It comes last: other rooms' rows refer to these."""

    def stop(self, tenant_id: UUID) -> None:
        """Do nothing: this room does nothing for a tenant by itself."""

    def in_flight(self, since: datetime) -> int:
        """Return 0: what this room writes, it writes in the caller's own transaction."""
        return 0

    def count(self, tenant_id: UUID | None) -> dict[str, int]:
        return {_table(rows): rows.count() for rows in self._rows(tenant_id)}

    def delete(self, tenant_id: UUID | None) -> dict[str, int]:
        return {_table(rows): _delete_in_batches(rows) for rows in self._rows(tenant_id)}

    def _rows(self, tenant_id: UUID | None) -> list[QuerySet[Any]]:
        if tenant_id is not None:
            return [model._base_manager.filter(**{TENANT_COLUMN: tenant_id}) for model in _OF_TENANTS]
        return [
            # What belongs to the platform itself has no tenant, and stays.
            *(model._base_manager.filter(**{f"{TENANT_COLUMN}__isnull": False}) for model in _OF_TENANTS),
            Tenant._base_manager.all(),
            # Tenants' people go with them; superusers, staff and who has a role run the platform and stay.
            User._base_manager.filter(is_superuser=False, is_staff=False, platform_role=""),
        ]


def _table(rows: QuerySet[Any]) -> str:
    return rows.model._meta.db_table


def _delete_in_batches(rows: QuerySet[Any]) -> int:
    """Delete in short transactions, by ascending id, so that two sweeps meet in the same order."""
    model: type[Model] = rows.model
    total = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with _permission_to_delete(model):
            _, by_model = rows.filter(pk__in=ids).delete()
        total += by_model.get(model._meta.label, 0)
    return total


def _permission_to_delete(model: type[Model]) -> AbstractContextManager[None]:
    """The activity log is append-only but for deeds like this one."""
    return activity_maintenance() if model is ActivityLog else nullcontext()


owner = IntegrationsDataOwner()
