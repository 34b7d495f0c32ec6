"""Finding a person's memberships with their tenants: one query, as every request of a member needs it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db import connection

from integrations.models import Membership, Tenant

_BY_TENANT_ID: Final = "AND t.id = %s"
_BY_TENANT_SLUG: Final = "AND t.slug = %s"


def membership_in(user_id: UUID, tenant: UUID | str) -> Membership | None:
    """Return a person's membership in an existing tenant, named by id or slug, with `tenant` loaded."""
    condition = _BY_TENANT_ID if isinstance(tenant, UUID) else _BY_TENANT_SLUG
    found = _find(condition, user_id, tenant)
    return found[0] if found else None


def memberships_of(user_id: UUID, *, at_most: int) -> list[Membership]:
    """Return a person's memberships in existing tenants by slug, with `tenant` loaded."""
    return _find("ORDER BY t.slug LIMIT %s", user_id, at_most)


def _find(condition: str, *parameters: UUID | str | int) -> list[Membership]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_select()} {condition}", parameters)
        rows = cursor.fetchall()
    width = len(_names(Membership))
    memberships = []
    for row in rows:
        membership = Membership.from_db(connection.alias, _names(Membership), row[:width])
        membership.tenant = Tenant.from_db(connection.alias, _names(Tenant), row[width:])
        memberships.append(membership)
    return memberships


@cache
def _select() -> str:
    """Return the query without its last condition. A queryset would make it anew for every request."""
    columns = [f"{alias}.{name}" for alias, model in (("m", Membership), ("t", Tenant)) for name in _columns(model)]
    return (
        f"SELECT {', '.join(columns)} FROM {_table(Membership)} m"  # noqa: S608  (names from the models)
        f" JOIN {_table(Tenant)} t ON t.id = m.tenant_id AND t.deleted_at IS NULL WHERE m.user_id = %s"
    )


def _table(model: type[Any]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _columns(model: type[Any]) -> list[str]:
    return [connection.ops.quote_name(field.column) for field in model._meta.concrete_fields]


@cache
def _names(model: type[Any]) -> Sequence[str]:
    return [field.attname for field in model._meta.concrete_fields]
