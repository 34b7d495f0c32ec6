"""Statements that every request of a busy way runs: PostgreSQL plans each once for a connection.

Planning takes PostgreSQL two to five times as long as running what looks up or inserts a few rows. So their text must be
always the same, with everything that varies in parameters, and there must be few of them: the server keeps each. Their
parameters go beside the statement, not in it, so a parameter whose type does not follow from its place needs a cast.

Behind a pooler, whose server processes change, they run like all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from integrations.postgresql.base import DatabaseWrapper


def run(statement: str, parameters: Mapping[str, Any] | Iterable[Any]) -> None:
    """Run a statement without result on this thread's connection, in its transaction if one is open."""
    _database().run_planned(statement, parameters)


def rows_of(statement: str, parameters: Mapping[str, Any] | Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement, run as by `run`."""
    database = _database()
    cursor = database.run_planned(statement, parameters)
    with database.wrap_database_errors:
        return cursor.fetchall()


def plans_are_kept() -> bool:
    """Tell whether the server keeps plans for this thread's connection, which is open: not behind a pooler."""
    return _database().plans_are_kept()


def _database() -> DatabaseWrapper:
    return connections[DEFAULT_DB_ALIAS]  # type: ignore[return-value]
