"""Database work of the engine: in threads of their own, so that the loop that sends never waits for PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar
from uuid import UUID

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection

P = ParamSpec("P")
T = TypeVar("T")

# Both Django's errors and psycopg's own: recording uses psycopg's cursors.
DATABASE_ERRORS: Final = (DatabaseError, InterfaceError, psycopg.Error)
_CONNECTION_ERRORS: Final = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)

CLOSE_SECONDS: Final = 2.0


def uuid_array(ids: Iterable[UUID]) -> str:
    """Return ids as an array literal for `%s::uuid[]`: several times cheaper than a list, which psycopg quotes one by one.

    Without hyphens, which PostgreSQL does not need, and which are most of what `str` takes.
    """
    return "{" + ",".join([f"{identifier.int:032x}" for identifier in ids]) + "}"


class DatabaseThread:
    """One thread and its Django connection. Work follows one another in the order in which it was given."""

    def __init__(self, name: str) -> None:
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in the thread. A connection that failed is closed: the next work opens a new one."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: _run(work, *args, **kwargs))

    async def close(self) -> None:
        """Close the connection and end the thread, after what was given before (unless that hangs)."""
        closing = asyncio.get_running_loop().run_in_executor(self._threads, _close)
        await asyncio.wait([closing], timeout=CLOSE_SECONDS)
        self._threads.shutdown(wait=False)


def _run(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return work(*args, **kwargs)
    except _CONNECTION_ERRORS:
        connection.close()
        raise


def _close() -> None:
    # Not `connection.close` itself: the proxy would find the connection of the thread that names it.
    connection.close()
