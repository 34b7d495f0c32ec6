"""A PostgreSQL and a Redis of the fault tests' own, to be killed, frozen and restarted."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Self

import psutil
import redis

from config.embedded import EmbeddedServers
from config.embedded.places import places_of
from tests.servers import remove

GONE_SECONDS = 30


class BreakableServers:
    """Usage: `with BreakableServers(folder) as servers`; whatever a test did to them, `heal` makes both answer again.

    PostgreSQL keeps what it acknowledged, as in production: a careless one forgets commits when it is stopped at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers = EmbeddedServers(folder, durable=True, say=lambda _: None)
        self._redis_pid = 0
        self._is_redis_frozen = False
        self.database_url = self.redis_url = ""

    def __enter__(self) -> Self:
        self._servers.__enter__()
        self.heal()
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw_redis()
        self._servers.__exit__(None, None, None)
        remove(self._folder)

    def heal(self) -> None:
        self.thaw_redis()
        self.start_postgres()
        self.start_redis()

    # --- Redis ------------------------------------------------------------------------------------------------

    def start_redis(self) -> None:
        self.redis_url = self._servers.start_redis()
        self._redis_pid = int(self.redis_client().info("server")["process_id"])

    def kill_redis(self) -> None:
        _end(self._redis_pid, signal.SIGKILL)

    def freeze_redis(self) -> None:
        """Let it accept connections and bytes, as the kernel does for it, and answer nothing."""
        os.kill(self._redis_pid, signal.SIGSTOP)
        self._is_redis_frozen = True

    def thaw_redis(self) -> None:
        if self._is_redis_frozen:
            os.kill(self._redis_pid, signal.SIGCONT)
            self._is_redis_frozen = False

    def redis_client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(places_of(self._folder).redis_socket), socket_timeout=5)

    # --- PostgreSQL -------------------------------------------------------------------------------------------

    def start_postgres(self) -> None:
        self.database_url = self._servers.start_postgres()

    def stop_postgres(self, *, at_once: bool) -> None:
        """Stop it: "fast" (connections are ended, data are flushed), or "immediate" (as a crash, with recovery after it)."""
        pid_file = places_of(self._folder).data / "postmaster.pid"
        _end(int(pid_file.read_text().split("\n", 1)[0]), signal.SIGQUIT if at_once else signal.SIGINT)


def _end(pid: int, how: signal.Signals) -> None:
    process = psutil.Process(pid)
    process.send_signal(how)
    process.wait(GONE_SECONDS)
