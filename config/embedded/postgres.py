"""The embedded PostgreSQL: its data, its login, starting and stopping."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg

from config.embedded.binaries import postgres_binaries
from config.embedded.places import DATABASE, LOGIN, EmbeddedServersError, Places
from config.embedded.programs import POLL_SECONDS, last_words, own_folder, spawn

_SUPERUSER: Final = "postgres"
# A killed postmaster's children have left the shared memory by then; a start before that is refused by PostgreSQL.
_ORPHANS_LEAVE_SECONDS: Final = 20.0
_FAST_STOP_SECONDS: Final = 30.0
_CARELESS: Final = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")


class Postgres:
    """One PostgreSQL server on the data of `places`; it is running when it answers, whatever its pid file says."""

    name = "PostgreSQL"

    def __init__(self, places: Places, *, durable: bool, say: Callable[[str], None]) -> None:
        self._places = places
        self._durable = durable
        self._say = say
        self._child: subprocess.Popen[bytes] | None = None
        self._is_started = False

    def start(self) -> None:
        """Start it unless it answers already; returns when it answers. Makes data, login and database the first time.

        Raises EmbeddedServersError with the server's last words when it ends instead.
        """
        binaries = postgres_binaries(self._places)
        if not (self._places.data / "PG_VERSION").exists():
            self._await_end_of_server_without_data()
            self._make_data(binaries)
        deadline = time.monotonic() + _ORPHANS_LEAVE_SECONDS
        while not self._start_once(binaries):
            words = last_words(self._places, "postgres")
            if "still in use" not in words or time.monotonic() > deadline:
                raise EmbeddedServersError(f"PostgreSQL did not start; its last words:\n{words}")
            time.sleep(POLL_SECONDS * 5)
        self._make_login()
        self._is_started = True

    def is_lost(self) -> bool:
        """Say whether it was started and has ended since."""
        return self._is_started and self._pid() is None

    def stop(self) -> None:
        """Stop it (fast: transactions are rolled back, data are flushed); nothing happens where none runs."""
        for request, seconds in ((signal.SIGINT, _FAST_STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            pid = self._pid()
            if pid is None:
                break
            os.kill(pid, request)
            deadline = time.monotonic() + seconds
            while self._pid() is not None and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        if self._child is not None:
            self._child.wait()
            self._child = None
        self._is_started = False

    def _await_end_of_server_without_data(self) -> None:
        """Wait for a server whose data folder was removed under it: it notices within a minute, and ends."""
        if self._answers():
            self._say("Waiting for a PostgreSQL whose data were removed to end (up to a minute) …")
        while self._answers():
            time.sleep(POLL_SECONDS * 5)

    def _make_data(self, binaries: Path) -> None:
        """Run initdb beside the final place and rename: a killed first start leaves nothing half made."""
        fresh = self._places.data.with_name("postgres.new")
        if fresh.exists():
            shutil.rmtree(fresh)
        own_folder(fresh, self._places.account)
        # From PostgreSQL 17 on, order and case of UTF-8 text need not depend on the machine's C library.
        builtin = int(binaries.parent.name.removeprefix("pginstall") or 16) >= 17
        locale = ["--locale-provider=builtin", "--locale=C.UTF-8"] if builtin else ["--locale=C"]
        # The socket folder is private (0700), so that whoever reaches the socket is trusted.
        arguments = ["--auth=trust", "--encoding=UTF8", f"--username={_SUPERUSER}", *locale, "--no-instructions"]
        arguments += [] if self._durable else ["--no-sync"]
        child = spawn(self._places, "initdb", binaries / "initdb", "-D", str(fresh), *arguments)
        try:
            failed = child.wait() != 0
        finally:
            child.kill()  # after Ctrl-C: it lives in a session of its own
        if failed:
            raise EmbeddedServersError(f"initdb failed; its last words:\n{last_words(self._places, 'initdb')}")
        fresh.rename(self._places.data)

    def _start_once(self, binaries: Path) -> bool:
        """Return True when it answers, False when it ended."""
        if self._answers():
            return True  # left by a start that was killed; it is ours: nobody else can write into the socket folder
        if self._pid() is None:
            self._forget_dead_server()
            self._child = spawn(
                self._places,
                "postgres",
                binaries / "postgres",
                *("-D", str(self._places.data), "-k", str(self._places.sockets), "-c", "listen_addresses="),
                *("-c", "unix_socket_permissions=0700", "-c", "max_connections=200", "-c", "timezone=UTC"),
                *(() if self._durable else _CARELESS),
            )
        next_word = time.monotonic() + 10
        while not self._answers():  # no fixed limit: recovery of a large folder takes its time
            if self._pid() is None:
                self._child = None
                return False
            if time.monotonic() > next_word:
                self._say("Waiting for PostgreSQL to answer (it may be recovering) …")
                next_word += 10
            time.sleep(POLL_SECONDS)
        return True

    def _answers(self) -> bool:
        try:
            with self._connect():
                return True
        except psycopg.OperationalError:
            return False

    def _connect(self) -> psycopg.Connection:
        host = str(self._places.sockets)
        return psycopg.connect(
            host=host, port=5432, user=_SUPERUSER, dbname="postgres", autocommit=True, connect_timeout=5
        )

    def _pid(self) -> int | None:
        """Return the pid of the server that works on our data; the pid file alone proves nothing (pids are given again)."""
        if self._child is not None:
            return self._child.pid if self._child.poll() is None else None
        pid = self._pid_in_file()
        if pid is None:
            return None
        if Path("/proc/self").exists():
            try:  # a server works in its data folder; a zombie works nowhere, and another user's process cannot be read
                return pid if Path(f"/proc/{pid}/cwd").samefile(self._places.data) else None
            except OSError:
                return None
        ps = ["/bin/ps", "-o", "args=", "-p", str(pid)]
        return (
            pid
            if str(self._places.data) in subprocess.run(ps, capture_output=True, text=True, check=False).stdout
            else None
        )

    def _pid_in_file(self) -> int | None:
        try:
            return int((self._places.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _forget_dead_server(self) -> None:
        """Make the pid file of a killed server harmless.

        PostgreSQL refuses to start while the pid in the file lives, whoever has it by now, and takes its own parent's pid for a
        stale one: so ours goes in. The file stays, because its shared-memory key tells PostgreSQL of orphans still at work.
        """
        file = self._places.data / "postmaster.pid"
        if self._pid_in_file() is None:
            file.unlink(missing_ok=True)
        else:
            _, _, rest = file.read_text().partition("\n")
            file.write_text(f"{os.getpid()}\n{rest}")
        for left_behind in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (self._places.sockets / left_behind).unlink(missing_ok=True)

    def _make_login(self) -> None:
        """Make the ordinary owner role (as in production: no superuser, so row-level security applies) and its database."""
        with self._connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [LOGIN]).fetchone():
                connection.execute(f"CREATE ROLE {LOGIN} LOGIN CREATEDB CREATEROLE")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {LOGIN}")
