"""PostgreSQL settings that hold for one block of work and are taken back after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from psycopg.pq import TransactionStatus

from integrations.isolation.guard import outside_scope

if TYPE_CHECKING:
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
    is_outermost = not connection.in_atomic_block
    with ExitStack() as stack:
        are_set = _enter(stack, settings if is_outermost else {}, durable=durable)
        previous = {} if are_set else _exchange(settings)
        yield
        _refuse_silent_rollback()
        if not is_outermost and not connection.needs_rollback:
            _exchange(previous)


def _enter(stack: ExitStack, settings: Mapping[str, str], *, durable: bool) -> bool:
    """Open the transaction, and tell whether its BEGIN sets the settings: it does unless autocommit was off."""
    opened: DatabaseWrapper = connection  # type: ignore[assignment]
    opened.begin_with = settings
    try:
        stack.enter_context(transaction.atomic(durable=durable))
        return bool(settings) and not opened.begin_with
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


def _refuse_silent_rollback() -> None:
    if connection.connection is None or connection.closed_in_transaction or connection.connection.closed:
        raise TransactionManagementError("The database connection was closed inside the block; its work is lost.")
    if connection.connection.info.transaction_status is TransactionStatus.INERROR:
        raise TransactionManagementError(
            "An SQL error was caught inside the block, so PostgreSQL rolls all of it back. "
            "Catch it around a transaction.atomic() of its own."
        )
