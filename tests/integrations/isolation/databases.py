"""Databases and logins beside the test database, for what concerns a whole PostgreSQL server.

The tests' login must be an ordinary one with CREATEDB and CREATEROLE, and other logins be trusted, as the suite's own
server does.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper


@contextmanager
def connected(database: str, *, user: str | None = None) -> Iterator[DatabaseWrapper]:
    """Give a Django connection of one's own to a database of the test server."""
    wrapper = DatabaseWrapper({**connection.settings_dict, "NAME": database, **({"USER": user} if user else {})})
    try:
        yield wrapper
    finally:
        wrapper.close()


@contextmanager
def new_database() -> Iterator[str]:
    """Create an empty database and drop it afterwards."""
    name = f"test_isolation_{secrets.token_hex(6)}"
    _run_on_server(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield name
    finally:
        # Waits a few seconds for a closed connection's backend to end; FORCE may not end another login's.
        _run_on_server(f"DROP DATABASE {name}")


@contextmanager
def new_role(*, attributes: str = "") -> Iterator[str]:
    """Create a role, which the tests' login may grant, and drop it afterwards."""
    name = f"test_role_{secrets.token_hex(6)}"
    _run_on_server(f"CREATE ROLE {name} {attributes}")
    try:
        yield name
    finally:
        drop_role(name)


def drop_role(name: str) -> None:
    """Drop a role of the server, if it is there."""
    _run_on_server(f"DROP ROLE IF EXISTS {name}")


def _run_on_server(statement: str) -> None:
    with connected("postgres") as server, server.cursor() as cursor:
        cursor.execute(statement)
