"""Connections that wait for their next request."""

from __future__ import annotations

import asyncio

from integrations.egress.destination import Origin
from integrations.egress.exchange import Connection

# Shorter than the 5 s after which Node.js closes idle connections: a request must not meet a connection that just ended.
KEEP_ALIVE_SECONDS = 3.0
# Then names are resolved, and addresses checked, anew, however busy a connection is.
LONGEST_LIFE_SECONDS = 300.0
_LOOK_SECONDS = 1.0


class KeptConnections:
    """By origin; the one that was used last is used next. Used within one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Origin, list[Connection]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> Connection | None:
        """Return an open connection, or None: then make one."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if self._may_be_used(connection):
                return connection
            connection.close()
        return None

    def put_back(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection whose exchange is over, or close it if it cannot be used again."""
        connection.idle_since = now = self._loop.time()
        if not connection.is_reusable or now - connection.opened_at > LONGEST_LIFE_SECONDS:
            connection.close()
            return
        idle = self._idle.get(origin)
        if idle is None:
            idle = self._idle[origin] = []
        idle.append(connection)
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()

    def _may_be_used(self, connection: Connection) -> bool:
        return connection.is_open and self._loop.time() - connection.idle_since <= KEEP_ALIVE_SECONDS

    def _look(self) -> None:
        for origin, idle in list(self._idle.items()):
            kept = []
            for connection in idle:
                if self._may_be_used(connection):
                    kept.append(connection)
                else:
                    connection.close()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look) if self._idle else None
