"""A whole Signalbox in processes of its own: gunicorn, a Celery worker and beat, on a fresh database.

What these tests see is what a customer sees: nothing of the site runs inside the test process.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
import requests

from tests.emptying import empty_database
from tests.template_database import VARIABLE, migrated_template

ROOT = Path(__file__).resolve().parent.parent
USERNAME, PASSWORD = "operator", "correct horse battery staple"
START_SECONDS = 60
STOP_SECONDS = 30
# What the site's processes say of themselves stays when it is put back, and what they wrote at their start comes back.
_OF_PROCESSES = (
    "config_encryptioncanary",
    "config_processtotal",
    "config_requestminute",
    "integrations_processheartbeat",
    "webhooks_engine",
)
_OF_THE_START = ("integrations_user", "integrations_datakey")
_PR_SET_PDEATHSIG = 1


class RunningSite:
    """Use as a context manager; every process writes to `log_path`, which a test may read for what must not be there."""

    def __init__(
        self, folder: Path, *, worker_processes: int = 1, database_server: str = "", redis_url: str = ""
    ) -> None:
        """On the suite's servers, unless it names others: a `database_server` (any database of it) and a `redis_url`."""
        self.log_path = folder / "site.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.worker_processes = worker_processes
        self.database = f"site_{secrets.token_hex(6)}"
        self._server_url = database_server or os.environ["DATABASE_URL"]
        parts = urlsplit(self._server_url)
        self.database_url = urlunsplit(parts._replace(path=f"/{self.database}"))
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": redis_url or _redis_database(os.environ["REDIS_URL"]),
            "ENCRYPTION_KEY": secrets.token_hex(32),
            "PORT": str(self.port),
            "ENGINE_SHUTDOWN_GRACE": "3",
            "CONNECTION_TEST_MINUTES": "0",
            "DJANGO_SUPERUSER_USERNAME": USERNAME,
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }
        self.environment.pop("PYTEST_XDIST_WORKER", None)
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._log: IO[bytes] | None = None
        self._rows_of_the_start: dict[str, Any] = {}

    def __enter__(self) -> Self:
        template = f"TEMPLATE {migrated_template(self._server_url)}" if VARIABLE in os.environ else ""
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self.database} {template}")
        self._log = self.log_path.open("wb")
        try:
            if not template:
                self.manage("migrate", "--verbosity", "0")
            self.start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.terminate()  # all of them, before any is waited for
        for name in list(self._processes):
            self.stop(name)
        if self._log:
            self._log.close()
        wait_until(self._is_dropped, "PostgreSQL's own processes leave the database")

    def _is_dropped(self) -> bool:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            try:
                connection.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
            except psycopg.errors.InsufficientPrivilege:
                return False  # an autovacuum is in it, which only a superuser may end
        return True

    def remember_the_start(self) -> None:
        """Remember what is in the database now, for `begin_anew`."""
        for table in _OF_THE_START:
            self._rows_of_the_start[table] = self.query(f"SELECT coalesce(json_agg(t), '[]')::text FROM {table} AS t")[
                0
            ]

    def begin_anew(self) -> None:
        """Put data and limits back to `remember_the_start`. The site's processes go on; what a test stopped is started."""
        wait_until(self._is_put_back, "nobody writes what belongs to deleted rows")
        broker = redis.Redis.from_url(_redis_py_url(self.environment["REDIS_URL"]))
        if keys := list(broker.scan_iter("signalbox:*")):
            broker.delete(*keys)
        broker.close()
        if "worker" not in self._processes:
            self.start_worker()
        if "beat" not in self._processes:
            self.start_beat()

    def _is_put_back(self) -> bool:
        try:
            with psycopg.connect(self.database_url) as connection:
                empty_database(connection, keep=_OF_PROCESSES)
                for table, rows in self._rows_of_the_start.items():
                    connection.execute(
                        f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s)", rows
                    )
        except (psycopg.errors.IntegrityError, psycopg.errors.DeadlockDetected):
            return False
        return True

    def start_all(self) -> None:
        """Start what belongs to the site, and return when it answers."""
        self.manage("ensure_admin")
        self.start("web", "gunicorn", "--config", "config/gunicorn_conf.py", "config.wsgi")
        self.start_worker()
        self.start_beat()
        wait_until(self.answers, f"the site answers ({self.log_path})", START_SECONDS)

    def start_worker(self) -> None:
        self.start("worker", "celery", "-A", "config", "worker", "--concurrency", str(self.worker_processes))

    def start_beat(self) -> None:
        self.start("beat", "celery", "-A", "config", "beat", "--schedule", str(self._folder / "beat"))

    def start(self, name: str, program: str, *arguments: str) -> None:
        command = [sys.executable, "-m", program, *arguments]
        self._processes[name] = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            preexec_fn=_end_with_the_parent,
        )

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> int:
        """End one process (with its children, when it is killed) and return its exit code."""
        process = self._processes.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, how) if how == signal.SIGKILL else process.send_signal(how)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a `manage.py` command against this site and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def python(self, code: str) -> Any:
        """Run code in a Python process of the customer's own, and return the JSON of its last printed line."""
        printed = self.manage("shell", "--no-imports", "--verbosity", "0", "-c", code)
        return json.loads(printed.strip().splitlines()[-1])

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read the site's database as its owner."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(sql, parameters).fetchall()

    def session(self) -> requests.Session:
        """Return an HTTP session that carries a platform admin's token."""
        answer = requests.post(
            f"{self.url}/api/auth/token", json={"username": USERNAME, "password": PASSWORD}, timeout=10
        )
        answer.raise_for_status()
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        return session

    def answers(self, url: str = "") -> bool:
        """Tell whether the site answers, or another one of the same processes; fail when one of them has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise AssertionError(f"{name} ended with {process.returncode}:\n{self.log_path.read_text()[-4000:]}")
        try:
            return requests.get(f"{url or self.url}/readyz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False


def wait_until(condition: Any, what: str, seconds: float = 15) -> Any:
    """Return the first true answer of `condition`; fail, saying what was waited for, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited {seconds} s until {what}.")
        time.sleep(0.05)


_libc = ctypes.CDLL(None)


def _end_with_the_parent() -> None:
    """Have the kernel end this process when the tests' is killed, before which nobody can stop it in order."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _redis_database(url: str) -> str:
    """Return a Redis database that the suite's own workers do not use."""
    number = 32 + secrets.randbelow(31)
    base, _, _ = url.partition("?")
    return f"{base}?virtual_host={number}" if base.startswith("redis+socket") else f"{base.rsplit('/', 1)[0]}/{number}"


def _redis_py_url(url: str) -> str:
    """Return Celery's URL in redis-py's spelling."""
    return url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
