"""`make run` in a folder of its own with a path that no socket address holds: started, used, stopped and started again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import requests

from config.environment import Environment
from config.supervisor import make_keys_once
from tests.running_site import wait_until
from tests.servers import redis_database, remove

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "integrations", "webhooks", "analytics", "templates")
START_SECONDS = 120
STOP_SECONDS = 30
# What this run's own environment must not bring in.
UNSET = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEY", "API_KEY_PEPPER", "PYTEST_XDIST_WORKER")


class Run:
    """One `python -m config.supervisor`, in a session of its own as a terminal's foreground job has."""

    def __init__(self, folder: Path, port: int, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in UNSET}
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.supervisor"],
            cwd=folder,
            env=inherited | {"PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))

    def output(self) -> str:
        while True:
            try:
                self.lines.append(self._queue.get_nowait())
            except Empty:
                return "\n".join(self.lines)

    def wait_for(self, text: str) -> None:
        def said() -> bool:
            if text in self.output():
                return True
            assert self.process.poll() is None, self.output()
            return False

        wait_until(said, f"the supervisor says {text!r}", START_SECONDS)

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Send a signal to the terminal's foreground group, as Ctrl-C does, and return the exit code."""
        os.killpg(self.process.pid, how)
        return self.process.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A copy of the project in a path of over 107 characters, without environment and data."""
    outer = Path(tempfile.mkdtemp(prefix="signalbox-supervisor-", dir="/tmp"))
    outer.chmod(0o755)
    folder = outer / ("a-long-name-" * 6) / ("another-long-name-" * 3) / "signalbox"
    assert len(str(folder)) > 107
    folder.mkdir(parents=True)
    for room in ROOMS:
        # With what is compiled, which a dozen processes would compile anew; not what is just being written.
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copy(ROOT / "manage.py", folder)
    yield folder
    remove(folder / "var")
    shutil.rmtree(outer)


@pytest.fixture
def start(folder: Path, port: int) -> Iterator[Callable[..., Run]]:
    """Start the supervisor; one that a failed test leaves running is ended."""
    runs: list[Run] = []

    def start_one(**environment: str) -> Run:
        runs.append(Run(folder, port, **environment))
        return runs[-1]

    yield start_one
    for run in runs:
        if run.process.poll() is None:
            run.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def port() -> int:
    """A port that is free, and so is the next one, which the demo's receiver takes."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            number = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", number + 1))
            except OSError:
                continue
            return number


def log_in(url: str, password: str) -> requests.Session:
    session = requests.Session()
    answer = session.post(f"{url}/api/auth/token", json={"username": "admin", "password": password}, timeout=10)
    assert answer.status_code == 200, answer.text
    session.headers["Authorization"] = f"Bearer {answer.json()['access']}"
    return session


def calls_of_demo(session: requests.Session, url: str, webhook: str) -> list[dict[str, object]]:
    answer = session.get(f"{url}/api/platform/tenants/demo/webhooks/{webhook}/analytics", timeout=10)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def test_run_is_started_used_stopped_and_started_again(folder: Path, start: Callable[..., Run]) -> None:
    first = start()
    first.wait_for("Signalbox answers at")
    password = re.search(r"Password \(shown this once\): (\S+)", first.output())
    assert password is not None
    session = log_in(first.url, password[1])
    assert requests.get(f"{first.url}/admin/login/", timeout=10).status_code == 200
    wait_until(lambda: requests.get(f"{first.url}/readyz", timeout=10).status_code == 200, "the site is ready")
    for key in ("secret_key", "encryption_key"):
        assert stat.S_IMODE((folder / "var" / key).stat().st_mode) == 0o600

    webhooks = session.get(f"{first.url}/api/platform/tenants/demo/webhooks", timeout=10).json()["results"]
    for webhook in webhooks:
        path = f"{first.url}/api/platform/tenants/demo/webhooks/{webhook['id']}"
        tested = session.post(f"{path}/test", json={}, timeout=90)
        assert tested.json()["status_code"] == 200, tested.text
        (call,) = calls_of_demo(session, first.url, webhook["id"])
        assert (call["status_code"], call["success"], call["triggered_by"]) == (200, True, "test")

    second = start()
    assert second.process.wait(STOP_SECONDS) == 1
    wait_until(lambda: f"Signalbox is already running in this folder ({folder})." in second.output(), "it says so")

    assert first.end() == 0
    wait_until(lambda: "Stopped." in first.output(), "it says that it stopped")
    assert "Traceback" not in first.output()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{first.url}/healthz", timeout=5)

    again = start()
    again.wait_for("Signalbox answers at")
    assert "Password" not in re.sub(r"its password is unchanged|a password that", "", again.output())
    session = log_in(again.url, password[1])
    assert len(calls_of_demo(session, again.url, webhooks[0]["id"])) == 1

    # A process that ends by itself takes the others along, and says so.
    web = re.search(r"web started \(pid=(\d+)\)", again.output())
    assert web is not None
    os.kill(int(web[1]), signal.SIGKILL)
    assert again.process.wait(STOP_SECONDS) == 1
    wait_until(lambda: "The web process ended by itself" in again.output(), "it names the process")


def test_processes_end_and_a_new_run_starts_when_the_supervisor_was_killed(
    folder: Path, start: Callable[..., Run]
) -> None:
    killed = start()
    killed.wait_for("Signalbox answers at")
    killed.process.kill()
    killed.process.wait()

    def is_gone() -> bool:
        try:
            requests.get(f"{killed.url}/healthz", timeout=5)
        except requests.ConnectionError:
            return True
        return False

    wait_until(is_gone, "the web process has ended", STOP_SECONDS)

    def starts() -> bool:
        run = start()
        try:
            run.wait_for("Preparing the database")
        except AssertionError:
            assert "already running" in run.output()  # the processes are still on their way out
            return False
        run.wait_for("Signalbox answers at")
        assert run.end() == 0
        return True

    wait_until(starts, "a new run starts", START_SECONDS)


def test_named_servers_are_used_and_left_alone(folder: Path, start: Callable[..., Run]) -> None:
    server = os.environ["DATABASE_URL"]
    remove(folder / "var")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE named_servers")
        try:
            run = start(
                DATABASE_URL=urlunsplit(urlsplit(server)._replace(path="/named_servers")),
                REDIS_URL=redis_database(os.environ["REDIS_URL"], 31),
                DJANGO_SUPERUSER_USERNAME="chosen",
                DJANGO_SUPERUSER_PASSWORD="a chosen password 7",
            )
            run.wait_for("Signalbox answers at")
            assert "log in as chosen" in run.output()
            assert "a chosen password 7" not in run.output()
            answer = requests.post(
                f"{run.url}/api/auth/token", json={"username": "chosen", "password": "a chosen password 7"}, timeout=10
            )
            assert answer.status_code == 200
            assert run.end(signal.SIGTERM) == 0
            assert not (folder / "var" / "postgres").exists()
            assert connection.execute("SELECT 1").fetchone() == (1,)
        finally:
            connection.execute("DROP DATABASE named_servers WITH (FORCE)")


def test_port_that_is_taken_is_named(folder: Path, start: Callable[..., Run], port: int) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # over what earlier tests' connections left
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()
        run = start()
        assert run.process.wait(STOP_SECONDS) == 1
        wait_until(lambda: f"Port {port + 1} is taken by another program." in run.output(), "it names the port")


def test_production_without_servers_is_refused(folder: Path, start: Callable[..., Run]) -> None:
    run = start(ENVIRONMENT="production", APP_URL="https://signalbox.example.com", SECRET_KEY="s" * 60)
    assert run.process.wait(STOP_SECONDS) == 1
    for name in ("DATABASE_URL", "REDIS_URL"):
        wait_until(
            lambda name=name: f"Signalbox does not start: {name} is not set" in run.output(),  # type: ignore[misc]
            f"it names {name}",
        )
    assert "Traceback" not in run.output()


def test_keys_are_made_once_with_mode_0600(tmp_path: Path) -> None:
    make_keys_once(tmp_path, Environment({}))
    keys = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert keys.keys() == {"secret_key", "encryption_key", "api_key_pepper"}
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", key) for key in keys.values())
    assert len(set(keys.values())) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    make_keys_once(tmp_path, Environment({}))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == keys


def test_keys_that_the_environment_gives_are_not_made(tmp_path: Path) -> None:
    keys = {"SESSION_SECRET": "s" * 60, "ENCRYPTION_KEY": "0f" * 32}
    make_keys_once(tmp_path, Environment({**keys, "API_KEY_PEPPER": "1e" * 32}))
    assert list(tmp_path.iterdir()) == []
