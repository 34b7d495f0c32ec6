"""Rows for any model, written as the owner by plain SQL, so that a test can go over all tables there are."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.utils import timezone
from psycopg.types.json import Jsonb

from integrations.ids import uuid7
from integrations.isolation.tables import tenant_column
from integrations.models import Tenant


def make_tenant_row() -> UUID:
    """Write a tenant and return its id; `services.tenants` and its data key are not what is tested here."""
    return insert_row(Tenant, uuid7())["id"]


def insert_row(model: type[models.Model], tenant_id: UUID | None, **given: object) -> dict[str, Any]:
    """Write one row of a tenant, with what it refers to, and return its columns."""
    row = column_values(model, tenant_id, **given)
    insert(model, row)
    return row


def insert(model: type[models.Model], row: dict[str, Any]) -> None:
    """Write a row as whatever role is set."""
    columns = ", ".join(f'"{column}"' for column in row)
    places = ", ".join("%s" for _ in row)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({places})", list(row.values()))


def column_values(model: type[models.Model], tenant_id: UUID | None, **given: object) -> dict[str, Any]:
    """Return a value for each column of a row: the least that the table takes. References are made as needed."""
    row: dict[str, Any] = {}
    for field in model._meta.local_concrete_fields:
        if field.column is None:
            continue  # a composite primary key has no column of its own
        if field.column in given:
            row[field.column] = given[field.column]
        elif field.column == tenant_column(model):
            row[field.column] = tenant_id
        elif field.null:
            row[field.column] = None
        elif isinstance(field, models.ForeignKey):
            related: Any = field.related_model
            row[field.column] = insert_row(related, tenant_id)["id"]
        else:
            row[field.column] = _value(str(field.db_type(connection)))
    return row


def _value(column_type: str) -> object:
    if column_type.startswith(("varchar", "text[")) and column_type.endswith("[]"):
        return []
    if column_type.startswith("varchar") or column_type == "text":
        return secrets.token_hex(6)
    return {
        "uuid": uuid7(),
        "boolean": False,
        "jsonb": Jsonb({}),
        "timestamp with time zone": timezone.now(),
        "double precision": 0.0,
        "bigint[]": [0],
    }.get(column_type, 1)
