"""Which tables belong to tenants, and how their isolation is named in the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models

POLICY = "tenant_isolation"
TENANT_COLUMN = "tenant_id"
TENANT_SETTING = "sb.tenant"
# A scalar subselect is evaluated once for each statement (an InitPlan), so that an index on the tenant's column is
# used. Without a tenant the setting is missing or empty: the comparison is with null and no row is seen.
TENANT_EXPRESSION = f"(SELECT nullif(current_setting('{TENANT_SETTING}', true), '')::uuid)"


def tenant_models() -> list[type[models.Model]]:
    """Return every model whose rows belong to one tenant: those with a `tenant_id` column, and tenants themselves."""
    return [
        model
        for model in apps.get_models()
        if model._meta.managed and not model._meta.proxy and tenant_column(model) is not None
    ]


def tenant_column(model: type[models.Model]) -> str | None:
    """Return the column that names the tenant of a row; None for tables that belong to the platform."""
    if model._meta.label == "integrations.Tenant":
        return "id"
    return TENANT_COLUMN if any(field.column == TENANT_COLUMN for field in model._meta.local_concrete_fields) else None


def tenant_foreign_keys() -> Iterator[tuple[type[models.Model], Any]]:
    """Yield each model with a foreign key from one tenant table to another, and that `ForeignKey`.

    Those to the tenant itself are left out: they are what the others are bound to.
    """
    for model in tenant_models():
        for field in model._meta.local_concrete_fields:
            if not isinstance(field, models.ForeignKey) or field.column == TENANT_COLUMN:
                continue
            related: Any = field.related_model
            if tenant_column(related) is not None:
                yield model, field


def tables_without_tenant() -> Iterator[tuple[type[models.Model], type[models.Model]]]:
    """Yield each model that refers to a tenant table and names no tenant itself, and what it refers to.

    The tables that Django makes for a `ManyToManyField` are such models, and those of a model's subclasses.
    """
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.managed or model._meta.proxy or tenant_column(model) is not None:
            continue
        for field in model._meta.local_concrete_fields:
            related: Any = field.related_model if isinstance(field, models.ForeignKey) else None
            if related is not None and tenant_column(related) is not None:
                yield model, related
                break


def foreign_key_name(table: str, column: str) -> str:
    """Return the name of the composite foreign key of `column`."""
    return f"{table}_{column}_tenant_fk"


def unique_name(table: str) -> str:
    """Return the name of `UNIQUE (tenant_id, id)`, to which composite foreign keys point."""
    return f"{table}_tenant_id_unique"
