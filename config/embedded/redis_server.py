"""The embedded Redis. It keeps nothing on disk: what must not be lost is in PostgreSQL."""

from __future__ import annotations

import subprocess
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.binaries import redis_binary
from config.embedded.places import EmbeddedServersError, Places
from config.embedded.programs import POLL_SECONDS, last_words, spawn


class RedisServer:
    """One Redis on the socket of `places`; start and stop may be called in any order, by different processes."""

    name = "Redis"

    def __init__(self, places: Places) -> None:
        self._places = places
        self._child: subprocess.Popen[bytes] | None = None
        self._is_started = False

    def start(self) -> None:
        """Start it unless it answers already; returns when it answers, raises EmbeddedServersError when it ends."""
        self._is_started = True
        if self._answers():
            return
        self._child = spawn(
            self._places,
            "redis",
            redis_binary(self._places),
            *("--port", "0", "--unixsocket", str(self._places.redis_socket), "--unixsocketperm", "700"),
            *("--dir", str(self._places.sockets), "--save", "", "--appendonly", "no", "--databases", "64"),
        )
        while not self._answers():
            if self._child.poll() is not None:
                raise EmbeddedServersError(f"Redis did not start; its last words:\n{last_words(self._places, 'redis')}")
            time.sleep(POLL_SECONDS)

    def is_lost(self) -> bool:
        """Say whether it was started and refuses connections since; one that is only slow is not lost."""
        if self._child is not None:
            return self._child.poll() is not None
        return self._is_started and not self._answers()

    def stop(self) -> None:
        """Stop it without saving; nothing happens where none runs."""
        child, self._child = self._child, None
        self._is_started = False
        try:
            with self._client() as client:
                client.shutdown(nosave=True)
        except (redis.ConnectionError, redis.TimeoutError):
            if child is not None:
                child.kill()  # it hangs, or has ended
        if child is not None:
            child.wait()

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def _client(self) -> redis.Redis:
        return redis.Redis(
            unix_socket_path=str(self._places.redis_socket),
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),  # a refused connection is an answer here
        )
