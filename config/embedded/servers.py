"""Both embedded servers of one project folder, under the folder's lock."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from config.embedded.places import EmbeddedServersError, database_url, places_of, redis_url
from config.embedded.postgres import Postgres
from config.embedded.programs import own_folder
from config.embedded.redis_server import RedisServer


class FolderInUseError(EmbeddedServersError):
    """Another process holds the lock of this `var` folder."""


class EmbeddedServers:
    """PostgreSQL and Redis of one project folder; as a context manager it holds the lock, and stops both at the end."""

    def __init__(self, var_dir: Path, *, durable: bool = True, say: Callable[[str], None] = print) -> None:
        """`durable=False` (tests) lets PostgreSQL lose data when the machine stops, and is faster for it."""
        self._places = places_of(var_dir)
        self._say = say
        self._postgres = Postgres(self._places, durable=durable, say=say)
        self._redis = RedisServer(self._places)
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        """Take the lock; raises FolderInUseError."""
        var = self._places.var
        if not var.exists():
            var.mkdir(parents=True)
            var.chmod(0o755)  # whatever the umask: as root, the servers' account passes through it
        lock = (var / "embedded.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise FolderInUseError(f"Signalbox is already running in this folder ({var.parent}).") from None
        self._lock = lock
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop Redis, then PostgreSQL, and release the lock."""
        try:
            self.stop()
        finally:
            if self._lock is not None:
                self._lock.close()

    def start_postgres(self) -> str:
        """Start PostgreSQL, or find that it runs, and return its URL once it answers. Makes data, login and database once."""
        self._own_folders()
        self._postgres.start()
        return database_url(self._places.var)

    def start_redis(self) -> str:
        """Start Redis, or find that it runs, and return its URL once it answers. It keeps nothing: PostgreSQL remembers."""
        self._own_folders()
        self._redis.start()
        return redis_url(self._places.var)

    def lost(self) -> list[str]:
        """Return the names of the servers that were started, or found, here and have ended since."""
        return [server.name for server in (self._postgres, self._redis) if server.is_lost()]

    def stop(self) -> None:
        """Stop whatever runs here, left-overs of a killed start too: Redis first, then PostgreSQL."""
        self._redis.stop()
        self._postgres.stop()

    def _own_folders(self) -> None:
        places = self._places
        if places.home != places.var:
            self._say(
                f"The account {places.account.name} cannot enter {places.var}: "
                f"data and sockets of the embedded servers are in {places.home}."
            )
            own_folder(places.home, places.account)
        own_folder(places.sockets, places.account)
