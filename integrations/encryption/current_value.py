"""Whether a row still holds a ciphertext that was read from it a while ago."""

from __future__ import annotations

from typing import Any, Final

from django.apps import apps
from django.db import connection, models

from integrations.encryption.place import Place

ENCRYPTED: Final = "$encrypted"
"""The only key of the JSON object that stands for a secret value: `{"$encrypted": "v1:…"}`."""


def quoted(field: models.Field[Any, Any]) -> str:
    """Return the name of a field's column as SQL takes it."""
    return connection.ops.quote_name(str(field.column))


def holds_value(field: models.Field[Any, Any], json_key: str | None, stored: str) -> tuple[str, list[str]]:
    """Return the SQL condition that a column holds exactly this stored value, and its parameters."""
    column = quoted(field)
    if json_key is None:
        return f"{column} = %s", [stored]
    return f"{column} -> %s ->> %s = %s", [json_key, ENCRYPTED, stored]


def lock_if_current(place: Place, stored: str) -> bool:
    """Whether the row of `place` holds this value; if so it is locked, and goes on holding it until the commit."""
    model = apps.get_model(place.model)
    condition, parameters = holds_value(model._meta.get_field(place.field), place.key, stored)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM {connection.ops.quote_name(model._meta.db_table)}"  # noqa: S608  (names from the model)
            f" WHERE {quoted(model._meta.pk)} = %s AND {condition} FOR NO KEY UPDATE",
            [place.row, *parameters],
        )
        return cursor.fetchone() is not None
