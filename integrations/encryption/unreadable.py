"""Marking the row whose secret does not open."""

from __future__ import annotations

import structlog
from django.apps import apps
from django.db import connection, transaction

from integrations.encryption.current_value import holds_value, quoted
from integrations.encryption.errors import UnreadableSecretError
from integrations.isolation.guard import outside_scope

UNREADABLE = "unreadable"

logger = structlog.get_logger(__name__)


def mark_unreadable(error: UnreadableSecretError) -> bool:
    """Set the `health` of the row named by `error` to `unreadable`; return whether this call did it.

    Does nothing when the value that failed has been replaced meanwhile, when the row is gone or marked already, or
    when its model has no health. Never called while a secret is being read: that may happen in a GET, or in a
    transaction that is rolled back. Writes as the owner, so outside of any tenant's scope.

    Raises:
        RuntimeError: a transaction is open; the mark has one of its own.
    """
    model = apps.get_model(error.model_label)
    logger.error("secret_unreadable", model=error.model_label, field=error.field, key=error.json_key, row=str(error.pk))
    fields = {field.name: field for field in model._meta.concrete_fields}
    if "health" not in fields:
        return False
    health = quoted(fields["health"])
    # Only while the value that failed is the one that is stored.
    is_still_there, parameters = holds_value(fields[error.field], error.json_key, error.stored)
    as_owner = outside_scope("the mark is no part of what the reader does, and names its row by id")
    with as_owner, transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET {health} = %s"  # noqa: S608  (names from the model)
            f" WHERE {model._meta.pk.column} = %s AND {health} <> %s AND {is_still_there}",
            [UNREADABLE, error.pk, UNREADABLE, *parameters],
        )
        is_marked: bool = cursor.rowcount == 1
        return is_marked
