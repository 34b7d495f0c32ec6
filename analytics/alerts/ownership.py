"""Whose a rule, a channel or an alert is: a tenant's, or the platform's (None)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from integrations.isolation.scope import tenant_scope


@contextmanager
def owner_scope(tenant_id: UUID | None) -> Iterator[None]:
    """Run the block as one unit of work of the owner: in the tenant's scope, or as the owner in a transaction."""
    with tenant_scope(tenant_id) if tenant_id is not None else transaction.atomic():
        yield


def owned_by(rows: QuerySet[Any], tenant_id: UUID | None) -> QuerySet[Any]:
    """Return the rows of this owner."""
    return rows.filter(tenant_id=tenant_id) if tenant_id is not None else rows.filter(tenant_id__isnull=True)
