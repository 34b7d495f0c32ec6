"""Database work of the engine: in threads of their own, so that the loop that sends never waits for PostgreSQL."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from integrations.postgresql import planned_statements
from integrations.postgresql.timed_cursor import timed

P = ParamSpec("P")
T = TypeVar("T")

# Both Django's errors and psycopg's own: recording uses psycopg's cursors.
DATABASE_ERRORS: Final = (DatabaseError, InterfaceError, psycopg.Error)
_CONNECTION_ERRORS: Final = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)

CLOSE_SECONDS: Final = 2.0

_UUID_OID: Final = 2950
_UUID_ARRAY_OID: Final = 2951
_UUID_BYTES: Final = struct.pack(">i", 16)


def uuid_array(ids: Iterable[UUID]) -> str:
    """Return ids as an array literal for `%s::uuid[]`: several times cheaper than a list, which psycopg quotes one by one.

    Without hyphens, which PostgreSQL does not need, and which are most of what `str` takes.
    """
    return "{" + ",".join([f"{identifier.int:032x}" for identifier in ids]) + "}"


class UuidArray(bytes):
    """Ids as PostgreSQL's own binary form of `uuid[]`, for `engine_cursor`: it need not read a text of 32 digits for each."""

    @classmethod
    def of(cls, ids: Iterable[UUID]) -> UuidArray:
        found = [_UUID_BYTES + identifier.bytes for identifier in ids]
        # Dimensions (none of an empty array), whether there are nulls, the elements' type, how many, from which index on.
        shape = struct.pack(">iIIiI", 1, 0, _UUID_OID, len(found), 1) if found else struct.pack(">iII", 0, 0, _UUID_OID)
        return cls(shape + b"".join(found))


class _UuidArrayDumper(Dumper):
    format = Format.BINARY
    oid = _UUID_ARRAY_OID

    def dump(self, obj: UuidArray) -> bytes:
        return obj


class _Session(threading.local):
    """What is known of this thread's connection."""

    dumps_arrays: psycopg.Connection[Any] | None = None
    begun: psycopg.Connection[Any] | None = None


_session = _Session()


@contextmanager
def engine_cursor() -> Iterator[psycopg.Cursor[Any]]:
    """Give psycopg's own cursor, whose values travel beside the statement and not in it.

    In the engine's threads the statement is prepared as well, where the session is the engine's own (`_begin_session`).
    """
    with connection.cursor():  # opens the connection
        raw = connection.connection
        if _session.dumps_arrays is not raw:
            raw.adapters.register_dumper(UuidArray, _UuidArrayDumper)
            _session.dumps_arrays = raw
        with timed(psycopg.Cursor)(raw) as cursor:
            yield cursor


def _begin_session() -> None:
    """Let PostgreSQL keep the plans of the engine's statements, which take as long to make as many of them to run.

    Not behind a pooler, where the next transaction may meet another server. Plans must serve any values and any size of the tables, since they are
    made early: they look rows up by key, which costs little where a table is small.
    """
    connection.ensure_connection()
    raw = connection.connection
    if _session.begun is raw:
        return
    if planned_statements.plans_are_kept():
        raw.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off")
        raw.prepare_threshold = 0
    _session.begun = raw


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
        _begin_session()
        return work(*args, **kwargs)
    except _CONNECTION_ERRORS:
        connection.close()
        raise


def _close() -> None:
    # Not `connection.close` itself: the proxy would find the connection of the thread that names it.
    connection.close()
