"""Django's PostgreSQL backend with three round trips less in a request: the `ENGINE` of this site's database.

Each tenth of a millisecond counts where one web process accepts hundreds of events a second, and with a server on
another host a round trip costs several times as much. Everything else is Django's.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.utils import debug_transaction


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose BEGIN may bring settings along, and whose health is asked of the socket first."""

    if TYPE_CHECKING:  # Django's own attributes, which its stubs leave out
        health_check_enabled: bool
        health_check_done: bool

    begin_with: Mapping[str, str] = {}
    """Settings for the next transaction, until its end. Only `transaction_settings` sets this, right before BEGIN."""
    begins_late: bool = False
    """Whether the next BEGIN waits for the first statement of its transaction, to go with it. Set as `begin_with` is."""

    _late_begin: _LateBegin | None = None

    def close_if_health_check_failed(self) -> None:
        """Replace a connection that the server has ended, without asking the server about every other one.

        A server that goes, or a pooler, ends its connections, and then there is something to read: only then is
        `SELECT 1` tried. A host that vanished without a word is found by the first statement either way.
        """
        if self.connection is not None and self.health_check_enabled and not self.health_check_done:
            self.health_check_done = not (self.errors_occurred or _has_news(self.connection.fileno()))
        super().close_if_health_check_failed()

    def forget_late_begin(self) -> None:
        """Have the next statement begin nothing: it was the first one's to do, or the block had no statement."""
        if self._late_begin is not None:
            self.execute_wrappers.remove(self._late_begin)
            self._late_begin = None

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.connection.autocommit != autocommit:  # psycopg locks and looks at the connection's state to change it
            super()._set_autocommit(autocommit)  # type: ignore[misc]

    def _start_transaction_under_autocommit(self) -> None:
        """Begin what `atomic` asks for, and set the settings, in one round trip.

        Django calls this where a backend has it (SQLite's does) instead of turning the driver's autocommit off, upon
        which psycopg would send BEGIN by itself before the first statement.
        """
        settings, self.begin_with = self.begin_with, {}
        names = {f"begin_{at}": part for at, part in enumerate(part for item in settings.items() for part in item)}
        shown = [f"set_config(%(begin_{2 * at})s, %(begin_{2 * at + 1})s, true)" for at in range(len(settings))]
        statement = f"BEGIN; SELECT {', '.join(shown)}" if settings else "BEGIN"
        if self.begins_late and settings:
            self._late_begin = _LateBegin(self, statement, names)
            self.execute_wrappers.append(self._late_begin)
        else:
            self.begin(statement, names)

    def begin(self, statement: str, parameters: Mapping[str, str]) -> None:
        """Send BEGIN with what comes with it."""
        with debug_transaction(self, "BEGIN"), self.wrap_database_errors:
            try:
                self.connection.execute(statement, parameters)
            except psycopg.Error:
                self.connection.rollback()  # BEGIN may have succeeded, of which `atomic` knows nothing
                raise


class _LateBegin:
    """Around the first statement of a transaction that has not begun: sends BEGIN and the settings along with it."""

    def __init__(self, connection: DatabaseWrapper, statement: str, parameters: Mapping[str, str]) -> None:
        self._connection = connection
        self._statement = statement
        self._parameters = parameters

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        self._connection.forget_late_begin()
        try:
            if many or not isinstance(params, dict):
                self._connection.begin(self._statement, self._parameters)
                return execute(sql, params, many, context)
            result = execute(f"{self._statement}; {sql}", {**self._parameters, **params}, many, context)
        except BaseException:
            self._connection.needs_rollback = True  # nothing may run in this block that the transaction is not around
            raise
        for _ in range(2):  # the answers to BEGIN and to its settings
            context["cursor"].nextset()
        return result


def _has_news(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
