"""Django's PostgreSQL backend with two round trips less in a request, and timed: the `ENGINE` of this site's database.

Each tenth of a millisecond counts where one web process accepts hundreds of events a second, and with a server on
another host a round trip costs several times as much. Everything else is Django's.
"""

from __future__ import annotations

import select
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.utils import debug_transaction

from integrations.postgresql.timed_cursor import timed


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose BEGIN may bring settings along, and whose health is asked of the socket first."""

    if TYPE_CHECKING:  # Django's own attributes, which its stubs leave out
        health_check_enabled: bool
        health_check_done: bool

    begin_with: Mapping[str, str] = {}
    """Settings for the next transaction, until its end. Only `transaction_settings` sets this, right before BEGIN."""

    def get_connection_params(self) -> dict[str, Any]:
        """Return Django's own parameters, with cursors that are timed."""
        parameters: dict[str, Any] = super().get_connection_params()
        parameters["cursor_factory"] = timed(parameters["cursor_factory"])
        return parameters

    def close_if_health_check_failed(self) -> None:
        """Replace a connection that the server has ended, without asking the server about every other one.

        A server that goes, or a pooler, ends its connections, and then there is something to read: only then is
        `SELECT 1` tried. A host that vanished without a word is found by the first statement either way.
        """
        if self.connection is not None and self.health_check_enabled and not self.health_check_done:
            self.health_check_done = not (self.errors_occurred or _has_news(self.connection.fileno()))
        super().close_if_health_check_failed()

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
        with debug_transaction(self, "BEGIN"), self.wrap_database_errors:
            try:
                self.connection.execute(statement, names)
            except psycopg.Error:
                self.connection.rollback()  # BEGIN may have succeeded, of which `atomic` knows nothing
                raise


def _has_news(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
