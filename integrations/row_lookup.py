"""Finding one row by a fixed condition, for what every request does: who asks, and for which tenant."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection, models

Row = TypeVar("Row", bound=models.Model)


class RowLookup(Generic[Row]):
    """A query whose SQL is made once. Making it anew, as a queryset does, takes several times as long as running it.

    `condition` is SQL over the model's own columns with a placeholder `%s` for each parameter, and must hold for one row
    at most. For models without fields that convert what the database returns.
    """

    def __init__(self, model: type[Row], condition: str) -> None:
        self._model = model
        self._condition = condition

    def find(self, *parameters: str | UUID) -> Row | None:
        """Return the row as it is stored now, or None."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            row = cursor.fetchone()
        return None if row is None else self._model.from_db(connection.alias, self._names, row)

    @cached_property
    def _names(self) -> list[str]:
        return [field.attname for field in self._model._meta.concrete_fields]

    @cached_property
    def _sql(self) -> str:
        quote = connection.ops.quote_name
        fields: Any = self._model._meta.concrete_fields
        columns = ", ".join(quote(field.column) for field in fields)
        return f"SELECT {columns} FROM {quote(self._model._meta.db_table)} WHERE {self._condition}"  # noqa: S608
