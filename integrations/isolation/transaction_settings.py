"""PostgreSQL settings that hold for one block of work and are taken back after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.transaction import TransactionManagementError
from psycopg.pq import TransactionStatus

from integrations.isolation.guard import outside_scope

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from integrations.postgresql.base import DatabaseWrapper


@contextmanager
def transaction_settings(settings: Mapping[str, str], *, durable: bool = False) -> Iterator[None]:
    """Open a transaction (a savepoint within one that is open) in which `settings` hold, by name.

    The settings end with the transaction; within an outer one, the previous values are put back at the block's end,
    or by the savepoint's rollback when the block fails. `durable` refuses to run within an outer transaction.

    Raises:
        TransactionManagementError: at the end of the block, when an SQL error was caught in it or the connection was
            closed in it. PostgreSQL would answer the commit with a rollback, and all of the block's work be lost
            without a word.
    """
    opened = connections[DEFAULT_DB_ALIAS]
    is_outermost = not opened.in_atomic_block
    block = _AtomicWithSettings(settings if is_outermost else {}, durable=durable)
    with block:
        previous = {} if block.are_set else _exchange(settings)
        yield
        _refuse_silent_rollback(opened)
        if not is_outermost and not opened.needs_rollback:
            _exchange(previous)


class _AtomicWithSettings(transaction.Atomic):
    """`transaction.atomic` whose BEGIN sets settings, which `are_set` then tells: it does unless autocommit was off."""

    def __init__(self, settings: Mapping[str, str], *, durable: bool) -> None:
        super().__init__(DEFAULT_DB_ALIAS, savepoint=True, durable=durable)
        self._settings = settings
        self.are_set = False

    def __enter__(self) -> None:
        opened: DatabaseWrapper = connections[DEFAULT_DB_ALIAS]  # type: ignore[assignment]
        opened.begin_with = self._settings
        try:
            super().__enter__()
            self.are_set = bool(self._settings) and not opened.begin_with
        finally:
            opened.begin_with = {}  # also when nothing began: the thread's next transaction is not this one


def _exchange(settings: Mapping[str, str]) -> dict[str, str]:
    """Set all, until the end of the transaction, and return what they were: one statement."""
    reads = ", ".join("coalesce(current_setting(%s, true), '')" for _ in settings)
    writes = ", ".join("set_config(%s, %s, true)" for _ in settings)
    with outside_scope("no row is read"), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {reads}, {writes}", [*settings, *(part for setting in settings.items() for part in setting)]
        )
        row = cursor.fetchone()
    return dict(zip(settings, row, strict=False))


def _refuse_silent_rollback(opened: BaseDatabaseWrapper) -> None:
    server = opened.connection
    if server is None or opened.closed_in_transaction or server.closed:
        raise TransactionManagementError("The database connection was closed inside the block; its work is lost.")
    if server.info.transaction_status is TransactionStatus.INERROR:
        raise TransactionManagementError(
            "An SQL error was caught inside the block, so PostgreSQL rolls all of it back. "
            "Catch it around a transaction.atomic() of its own."
        )
