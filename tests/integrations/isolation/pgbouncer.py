"""A real pgbouncer before the suite's PostgreSQL, in transaction pooling, as docs/how-to/run-behind-pgbouncer.md says."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict

START_SECONDS = 10
SETTINGS = """
[databases]
* = {server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
logfile = {folder}/pgbouncer.log
auth_type = any
admin_users = {login}
pool_mode = transaction
default_pool_size = {pool_size}
{ignored}
"""


def binary() -> str | None:
    """Return where pgbouncer is, if it is installed."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


class PgBouncer:
    """Use as a context manager; `url` takes the place of the server's."""

    def __init__(self, server_url: str, *, pool_size: int, ignored: str = "options") -> None:
        self.server: dict[str, Any] = conninfo_to_dict(server_url)
        self.port = _free_port()
        self.url = f"postgresql://{self.server['user']}@127.0.0.1:{self.port}/{self.server['dbname']}"
        self._pool_size = pool_size
        self._ignored = f"ignore_startup_parameters = {ignored}" if ignored else ""

    def __enter__(self) -> Self:
        # pgbouncer refuses to run as root; the account of the server's socket is the one that may use it.
        host = str(self.server["host"])
        owner = Path(host).stat() if os.getuid() == 0 and host.startswith("/") else None
        self._folder = Path(tempfile.mkdtemp(prefix="signalbox-pgbouncer-"))
        place = " ".join(
            f"{name}={self.server[name]}" for name in ("host", "port", "user", "password") if name in self.server
        )
        (self._folder / "pgbouncer.ini").write_text(
            SETTINGS.format(
                server=place,
                port=self.port,
                folder=self._folder,
                login=self.server["user"],
                pool_size=self._pool_size,
                ignored=self._ignored,
            )
        )
        if owner:
            for path in (self._folder, self._folder / "pgbouncer.ini"):
                os.chown(path, owner.st_uid, owner.st_gid)
        account: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if owner else {}
        program = binary()
        assert program is not None
        self._process = subprocess.Popen(
            [program, "--quiet", str(self._folder / "pgbouncer.ini")], start_new_session=True, **account
        )
        try:
            self._await_start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self._folder)

    def show(self, what: str) -> list[dict[str, Any]]:
        """Ask the console (`POOLS`, `CLIENTS` …)."""
        console = self.url.rpartition("/")[0] + "/pgbouncer"
        with psycopg.connect(console, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
            return cursor.execute(f"SHOW {what}").fetchall()

    def _await_start(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"pgbouncer does not run: {self._log()}") from None
                time.sleep(0.02)

    def _log(self) -> str:
        log = self._folder / "pgbouncer.log"
        return log.read_text() if log.exists() else "no log"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
