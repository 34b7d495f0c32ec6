"""Django's PostgreSQL backend with two round trips less in a request, plans that are kept, and timed: this site's `ENGINE`.

Each tenth of a millisecond counts where one web process accepts hundreds of events a second, and with a server on
another host a round trip costs several times as much. Everything else is Django's.
"""

from __future__ import annotations

import select
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.utils import debug_transaction
from psycopg import sql

from integrations.postgresql.timed_cursor import timed

# Django's None would forbid psycopg to prepare anything. It prepares what was run so often, or what it is told to.
_ONLY_WHEN_TOLD: Final = 2**31


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose BEGIN may bring settings along, and whose health is asked of the socket first."""

    if TYPE_CHECKING:  # Django's own attributes, which its stubs leave out
        health_check_enabled: bool
        health_check_done: bool

        def _prepare_cursor(self, cursor: psycopg.Cursor[Any]) -> Any: ...

    begin_with: Mapping[str, str] = {}
    """Settings for the next transaction, until its end. Only `transaction_settings` sets this, right before BEGIN."""

    def get_connection_params(self) -> dict[str, Any]:
        """Return Django's own parameters, with cursors that are timed."""
        parameters: dict[str, Any] = super().get_connection_params()
        parameters["cursor_factory"] = timed(parameters["cursor_factory"])
        return parameters

    _keeps_plans: bool | None = None
    """Whether the server behind this connection is always the same one; None before anybody asked."""

    def run_planned(self, statement: str, parameters: Mapping[str, Any] | Iterable[Any]) -> psycopg.Cursor[Any]:
        """Run a statement whose text is always the same; call it through `planned_statements`."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        # A log of statements shows them with their parameters, which Django's own cursor alone fills in.
        is_planned = self.plans_are_kept() and not self.queries_logged
        cursor = timed(_PlannedCursor)(self.connection) if is_planned else self.create_cursor()
        self._prepare_cursor(cursor).execute(statement, parameters)
        return cursor

    def init_connection_state(self) -> None:
        self._keeps_plans = None
        super().init_connection_state()

    def plans_are_kept(self) -> bool:
        """Tell whether the same server process answers each time; the connection is open.

        A pooler hands out another for each transaction, and older ones know nothing of statements that were prepared.
        It also gives every client a process id of its own making, to which no server process answers.
        """
        if self._keeps_plans is None:
            with self.wrap_database_errors:
                row = self.connection.execute("SELECT pg_backend_pid()").fetchone()
            self._keeps_plans = row[0] == self.connection.info.backend_pid
            if self._keeps_plans and self.connection.prepare_threshold is None:
                self.connection.prepare_threshold = _ONLY_WHEN_TOLD
        return self._keeps_plans

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
        shown = [f"set_config({_literal(name)}, {_literal(value)}, true)" for name, value in settings.items()]
        statement = f"BEGIN; SELECT {', '.join(shown)}" if settings else "BEGIN"
        with debug_transaction(self, "BEGIN"), self.wrap_database_errors:
            try:
                self.connection.execute(statement)
            except psycopg.Error:
                self.connection.rollback()  # BEGIN may have succeeded, of which `atomic` knows nothing
                raise


class _PlannedCursor(psycopg.Cursor[Any]):
    """Has the server keep the statement with its plan, for as long as the connection lives."""

    def execute(
        self, query: Any, params: Any = None, *, prepare: bool | None = True, binary: bool | None = None
    ) -> Self:
        return super().execute(query, params, prepare=prepare, binary=binary)


@lru_cache(maxsize=4096)  # of settings' names, the role, and tenants' ids
def _literal(text: str) -> str:
    return sql.quote(text)


def _has_news(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
