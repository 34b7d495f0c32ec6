"""Cursors that say how long their statements took, by kind of statement.

At the driver's level, where Django's statements, those of its transactions (but COMMIT, which has no cursor) and those of
the engine, which goes past Django's cursors, all come by.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter
from typing import Any, Final, cast

import psycopg
from psycopg.sql import Composed

from integrations.process_metrics import STATEMENT, Key, metrics

OTHER: Final[Key] = (STATEMENT, "other")
# By the first four letters. WITH is what the engine claims and records with.
_KINDS: Final[dict[str, Key]] = {
    "SELE": (STATEMENT, "select"),
    "INSE": (STATEMENT, "insert"),
    "UPDA": (STATEMENT, "update"),
    "DELE": (STATEMENT, "delete"),
    "WITH": (STATEMENT, "with"),
    "COPY": (STATEMENT, "copy"),
    **dict.fromkeys(("BEGI", "SAVE", "RELE", "ROLL", "COMM", "SET ", "SET\n"), (STATEMENT, "transaction")),
}


def kind_of(statement: object) -> Key:
    """Return the key under which a statement is counted."""
    if isinstance(statement, str) and (key := _KINDS.get(statement[:4])) is not None:
        return key
    if isinstance(statement, Composed):
        statement = next(iter(statement)).as_string(None)
    if not isinstance(statement, str):
        return OTHER
    return _KINDS.get(statement[:40].lstrip(" \n\t(")[:4].upper(), OTHER)


@cache
def timed(factory: type[psycopg.Cursor[Any]]) -> type[psycopg.Cursor[Any]]:
    """Return a class of cursors like `factory`, whose statements are timed."""

    class TimedCursor(factory):  # type: ignore[misc, valid-type]
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            started = perf_counter()
            try:
                return super().execute(query, params, **options)
            finally:
                metrics.add(kind_of(query), perf_counter() - started)

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
            started = perf_counter()
            try:
                super().executemany(query, params_seq, **options)
            finally:
                metrics.add(kind_of(query), perf_counter() - started)

        @contextmanager
        def copy(self, statement: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
            started = perf_counter()
            try:
                with super().copy(statement, *arguments, **options) as copy:
                    yield copy
            finally:
                metrics.add(kind_of(statement), perf_counter() - started)

    return cast("type[psycopg.Cursor[Any]]", TimedCursor)
