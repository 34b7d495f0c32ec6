"""The secrets that the fixtures write, and a look at what is really stored."""

from __future__ import annotations

from typing import Any

from django.db import connection, models

SIGNING_SECRET = "whsec_of-the-first-webhook"
AUTH_TOKEN = "bearer-of-the-first-webhook"
HEADER = "value-of-a-header"
ACCESS_TOKEN = "EAATestAccessToken-that-is-long-enough-456789"
APP_SECRET = "0123456789abcdef0123456789abcdef"


def stored(instance: models.Model, column: str) -> Any:
    """Return a column as PostgreSQL has it, as text."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column}::text FROM {instance._meta.db_table} WHERE id = %s", [instance.pk])
        return cursor.fetchone()[0]


def overwrite(instance: models.Model, column: str, value: Any) -> None:
    """Write a column past all of our code, as somebody with access to the database could."""
    cast = "::jsonb" if column in {"config", "headers"} else ""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {instance._meta.db_table} SET {column} = %s{cast} WHERE id = %s", [value, instance.pk])


def damage(instance: models.Model, column: str) -> None:
    """Change the last digit of the (last) ciphertext in a column."""
    text = stored(instance, column)
    end = max(position for position, character in enumerate(text) if character in "0123456789abcdef")
    overwrite(instance, column, f"{text[:end]}{'1' if text[end] == '0' else '0'}{text[end + 1 :]}")
