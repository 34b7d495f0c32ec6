"""Running one Lua script in Redis again and again: what every request does, with no more than that needs.

A client of redis-py takes a connection from its pool, notes times and events for metrics, packs the command, retries
and looks for callbacks, which takes several times as long as sending and reading. Here are redis-py's connections
without its client.
"""

from __future__ import annotations

import os
from collections import deque
from functools import lru_cache
from hashlib import sha1
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry


class RedisScript:
    """A script on connections of its own, as many as run it at once. Any thread may run it, and after a fork."""

    def __init__(self, url: str, source: str, *, timeout: float) -> None:
        """Connect to nothing yet. `timeout`, in seconds, is that of connecting and of each answer."""
        self._pool: Any = redis.ConnectionPool.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
        )
        self._source = source
        self._digest = sha1(source.encode(), usedforsecurity=False).hexdigest()  # what Redis calls the script by
        self._idle: deque[Any] = deque()
        # The same callers come again and again, and packing what they ask takes as long as asking it.
        self._packed = lru_cache(maxsize=4096)(self._new_connection().pack_command)

    def run(self, *keys_and_arguments: str | int) -> Any:
        """Run it and return its answer; first come how many are keys, then these, then the arguments.

        One round trip, and a second one after Redis was restarted. Raises RedisError when it does not answer.
        """
        connection = self._connection()
        try:
            answer = _asked(connection, self._packed("EVALSHA", self._digest, *keys_and_arguments))
        except NoScriptError:
            answer = _asked(connection, connection.pack_command("EVAL", self._source, *keys_and_arguments))
        self._idle.append(connection)  # not after an error: its answer may be still to come
        return answer

    def _connection(self) -> Any:
        """Return an idle connection that still is one, or a new one."""
        while self._idle:
            try:
                connection = self._idle.pop()
                if connection.pid == os.getpid() and not connection.can_read():
                    return connection
            except (IndexError, redis.ConnectionError):  # another thread was faster; Redis has ended it
                continue
        connection = self._new_connection()
        connection.connect()
        return connection

    def _new_connection(self) -> Any:
        return self._pool.connection_class(**self._pool.connection_kwargs)


def _asked(connection: Any, packed: Any) -> Any:
    connection.send_packed_command(packed)
    return connection.read_response()
