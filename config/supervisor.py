"""`make run`: everything Signalbox needs, under one supervisor, until Ctrl-C.

Order: this folder's lock → keys → PostgreSQL and Redis → migrations, checks, demo → web, worker, beat and the demo's receiver under honcho →
when those have ended, Redis, then PostgreSQL. With `DATABASE_URL` or `REDIS_URL` set, the named server is used and left alone.
"""

from __future__ import annotations

import http.client
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import environ
from honcho.manager import Manager
from honcho.printer import Message, Printer
from honcho.process import Process

from config.embedded import EmbeddedServers, EmbeddedServersError
from config.environment import Environment

BASE_DIR: Final = Path(__file__).resolve().parent.parent
VAR_DIR: Final = BASE_DIR / "var"

# honcho kills 5 s after the first process ended; the engine's grace and gunicorn's fit into that.
_ENGINE_GRACE_SECONDS: Final = 3
_WEB_GRACE_SECONDS: Final = 4
_SIGNAL_CODES: Final = frozenset({130, 143})  # honcho's return codes when a signal asked it to end


class SupervisorError(Exception):
    """`make run` cannot go on; the message is a sentence for the person at the terminal."""


def main() -> int:
    """Run until a signal (0), until a process ends by itself or a step fails (1)."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if (BASE_DIR / ".env").exists():
        environ.Env.read_env(BASE_DIR / ".env")
    try:
        with EmbeddedServers(VAR_DIR, say=say) as servers:
            return run(servers, Environment())
    except (EmbeddedServersError, SupervisorError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 0


def run(servers: EmbeddedServers, environment: Environment) -> int:
    """Prepare everything, then supervise; returns the exit code."""
    development = environment.text("ENVIRONMENT", default="development") == "development"
    port = environment.integer("PORT", 8000)
    _check_port(port)
    if development:
        _check_port(port + 1)
        make_keys_once(VAR_DIR, environment)
        if not environment.text("DATABASE_URL"):
            say("Starting PostgreSQL …")
            servers.start_postgres()
        if not environment.text("REDIS_URL"):
            say("Starting Redis …")
            servers.start_redis()
    say("Preparing the database …")
    _prepare(demo=development)
    return supervise(processes(port, demo=development), port, servers)


def make_keys_once(var_dir: Path, environment: Environment) -> None:
    """Write the keys that the environment does not give, mode 0600; a key that is there is never touched again."""
    for file, names in (
        ("secret_key", ("SECRET_KEY", "SESSION_SECRET")),
        ("encryption_key", ("ENCRYPTION_KEY", "INTEGRATION_ENCRYPTION_KEY")),
        ("api_key_pepper", ("API_KEY_PEPPER",)),
    ):
        path = var_dir / file
        if environment.text(*names) or path.exists():
            continue
        draft = path.with_suffix(".new")  # a killed start must not leave an empty key behind
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_hex(32) + "\n")
        draft.rename(path)
        say(f"Made {path.relative_to(var_dir.parent)}.")


def processes(port: int, *, demo: bool) -> dict[str, list[str]]:
    """Return the commands to supervise, by name."""
    celery = [sys.executable, "-m", "celery", "--quiet", "--app", "config"]
    commands = {
        "web": [
            *(sys.executable, "-m", "gunicorn", "--config", "config/gunicorn_conf.py"),
            *("--bind", f"127.0.0.1:{port}", "--graceful-timeout", str(_WEB_GRACE_SECONDS)),
        ],
        "worker": [*celery, "worker", "--concurrency", "1", "--without-gossip", "--without-mingle"],
        "beat": [*celery, "beat", "--schedule", str(VAR_DIR / "celerybeat-schedule")],
    }
    if demo:
        commands["demo"] = [sys.executable, "manage.py", "demo_receiver", "--port", str(port + 1)]
    return commands


def supervise(commands: Mapping[str, list[str]], port: int, servers: EmbeddedServers) -> int:
    """Run the commands under honcho until a signal, or until one of them or an embedded server ends, which ends all."""
    # Celery's warning against running as root is right for production and noise on a developer's machine.
    quiet = {"PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS") or "ignore:You're running the worker with superuser"}
    environment = os.environ | {"PYTHONUNBUFFERED": "1"} | quiet
    if not environment.get("ENGINE_SHUTDOWN_GRACE"):
        environment["ENGINE_SHUTDOWN_GRACE"] = str(_ENGINE_GRACE_SECONDS)
    printer = _FirstStopped(sys.stdout)
    manager = Manager(printer)
    manager._process_ctor = _EndsWithSupervisor
    for name, command in commands.items():
        # `exec`: the signals reach the program itself, not a shell around it.
        manager.add_process(name, f"exec {shlex.join(command)}", env=environment, cwd=str(BASE_DIR))
    # A terminal that closes ends us as Ctrl-C does; honcho itself takes SIGINT and SIGTERM.
    signal.signal(signal.SIGHUP, lambda *_: _end_this_process())
    threading.Thread(target=_announce, args=(port, printer), daemon=True).start()
    threading.Thread(target=_watch_servers, args=(servers, printer), daemon=True).start()
    manager.loop()
    if printer.first in commands and manager.returncode not in _SIGNAL_CODES:
        say(f"The {printer.first} process ended by itself (see its lines above), so everything was stopped.")
        return 1
    say("Stopped.")
    return 1 if servers.lost() else 0


class _FirstStopped(Printer):
    """Prints, and remembers which process ended first."""

    first: str | None = None

    def write(self, message: Message) -> None:
        if message.name == "system" and " stopped (rc=" in message.data and self.first is None:
            self.first = message.data.split(" ", 1)[0]
        super().write(message)


class _EndsWithSupervisor(Process):
    """A supervised process that does not outlive a supervisor killed by -9 (it would keep the port and the lock)."""

    def run(self, *args: Any, **kwargs: Any) -> None:
        threading.Thread(target=self._watch, args=(os.getppid(),), daemon=True).start()
        super().run(*args, **kwargs)

    def _watch(self, supervisor: int) -> None:
        while os.getppid() == supervisor:
            time.sleep(0.5)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._child is not None and self._child.poll() is None:
                os.killpg(self._child.pid, number)
                time.sleep(_WEB_GRACE_SECONDS)
        os._exit(1)


def _announce(port: int, printer: _FirstStopped) -> None:
    """Say where to go, once the site answers; nothing when it is being stopped again."""
    while not _answers(port):
        time.sleep(0.5)
    if printer.first:
        return
    name = os.environ.get("DJANGO_SUPERUSER_USERNAME") or "admin"
    say(
        f"\nSignalbox answers at http://127.0.0.1:{port}/admin/ — log in as {name}"
        f" (a password and an API key that were made are printed above, once).\nCtrl-C stops everything.\n"
    )


def _watch_servers(servers: EmbeddedServers, printer: _FirstStopped) -> None:
    """Stop everything when PostgreSQL or Redis has ended under us: nothing would work, and nothing would say why."""
    while printer.first is None:
        time.sleep(1)
        if lost := servers.lost():
            say(f"{' and '.join(lost)} ended by itself (see its log under var/), so everything is stopped.")
            _end_this_process()
            return


def _end_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise SupervisorError(
                f"Port {port} is taken by another program. Choose another: PORT=8100 make run."
            ) from None


def _prepare(*, demo: bool) -> None:
    """Migrate and seed, in a process of its own session: Ctrl-C is for us to pass on."""
    command = [sys.executable, "-m", "config.preparation", *(["--demo"] if demo else [])]
    if subprocess.run(command, cwd=BASE_DIR, check=False, start_new_session=True).returncode != 0:
        raise SupervisorError("The database could not be prepared (see above).")


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def say(text: str) -> None:
    """Print for the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
