"""Both embedded servers of one project folder, under the folder's lock."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from config.embedded.places import ID_FILE, EmbeddedServersError, database_url, places_of, redis_url
from config.embedded.postgres import Postgres
from config.embedded.programs import own_folder
from config.embedded.redis_server import RedisServer


class FolderInUseError(EmbeddedServersError):
    """Another process holds the lock of this `var` folder."""


class EmbeddedServers:
    """PostgreSQL and Redis of one project folder; as a context manager it holds the lock, and stops both at the end."""

    def __init__(self, var_dir: Path, *, durable: bool = True, say: Callable[[str], None] = print) -> None:
        """`durable=False` (tests) lets PostgreSQL lose data when the machine stops, and is faster for it."""
        self._var = var_dir.absolute()
        self._durable = durable
        self._say = say
        self._has_told_home = False

    def __enter__(self) -> Self:
        """Take the lock; raises FolderInUseError."""
        if not self._var.exists():
            self._var.mkdir(parents=True)
            self._var.chmod(0o755)  # whatever the umask: as root, the servers' account passes through it
        self._lock = (self._var / "embedded.lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise FolderInUseError(f"Signalbox is already running in this folder ({self._var.parent}).") from None
        id_file = self._var / ID_FILE
        if not id_file.exists():
            id_file.write_text(secrets.token_hex(8), encoding="ascii")
        self._places = places_of(self._var)
        self._postgres = Postgres(self._places, durable=self._durable, say=self._say)
        self._redis = RedisServer(self._places)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop Redis, then PostgreSQL, and release the lock."""
        try:
            self.stop()
        finally:
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
            if not self._has_told_home:
                self._has_told_home = True
                self._say(
                    f"The account {places.account.name} cannot enter {places.var}: "
                    f"data and sockets of the embedded servers are in {places.home}."
                )
            own_folder(places.home, places.account)
        own_folder(places.sockets, places.account)
