"""A site whose processes the fault tests start, kill and freeze: Celery workers, beat, gunicorn, and one that accepts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.faults.breakable_servers import BreakableServers
from tests.running_site import ROOT, START_SECONDS, RunningSite, wait_until

ENGINE_START_SECONDS = 60
GRACE_SECONDS = 3
# Celery's own waits between two tries to reach its broker grow by 2 s, up to 30 s.
RECONNECT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Worker:
    """Celery's main process; what delivers are its children."""

    name: str
    main: psutil.Process

    def children(self) -> list[psutil.Process]:
        return self.main.children()


class FaultSite(RunningSite):
    """One for the whole run: its servers, beat and the accepting process must survive every fault."""

    def __init__(self, folder: Path, servers: BreakableServers) -> None:
        super().__init__(folder, database_server=servers.database_url, redis_url=servers.redis_url)
        self.servers = servers
        self.environment["ENGINE_SHUTDOWN_GRACE"] = str(GRACE_SECONDS)
        self.environment["PYTHONWARNINGS"] = "ignore:You're running the worker with superuser"
        self._accepting: subprocess.Popen[bytes] | None = None
        self._unanswered = 0

    def start_all(self) -> None:
        self.start_beat()
        self._start_accepting()

    def _start_accepting(self) -> None:
        self._unanswered = 0
        self._accepting = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.accepting_process"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def __exit__(self, *arguments: object) -> None:
        if self._accepting is not None:
            self._end_accepting()
        super().__exit__(*arguments)

    def _end_accepting(self) -> None:
        with self._accepting as process:  # closes its pipes
            process.kill()

    def ask(self, **command: Any) -> None:
        """Give the accepting process something to do; `answer` waits for what comes of it."""
        self._accepting.stdin.write(json.dumps(command).encode() + b"\n")
        self._accepting.stdin.flush()
        self._unanswered += 1

    def answer(self) -> Any:
        line = self._accepting.stdout.readline()
        assert line, f"the accepting process ended ({self.log_path}):\n{self.log_path.read_text()[-4000:]}"
        self._unanswered -= 1
        return json.loads(line)

    # --- Workers and gunicorn ---------------------------------------------------------------------------------

    def run_worker(
        self, name: str = "worker", *, processes: int = 1, python_path: Path | None = None, wait: bool = True
    ) -> Worker:
        """Start a Celery worker and wait until all its processes have an engine.

        PostgreSQL knows its connections by its name.
        """
        before = self.environment
        self.environment = {**before, "PGAPPNAME": name}
        if python_path:
            self.environment["PYTHONPATH"] = str(python_path)
        arguments = ("-A", "config", "worker", "--concurrency", str(processes), "--hostname", f"{name}@%h")
        self.start(name, "celery", *arguments)
        self.environment = before
        worker = Worker(name, psutil.Process(self._processes[name].pid))
        if wait:
            self.wait_for_engines(worker, processes)
        return worker

    def wait_for_engines(self, worker: Worker, count: int = 1) -> None:
        """Wait until so many children of this worker have an engine with a young heartbeat."""

        def has_engines() -> bool:
            living = {
                pid
                for (pid,) in self.query(
                    "SELECT pid FROM webhooks_engine WHERE heartbeat_at > now() - '20 s'::interval"
                )
            }
            assert worker.main.is_running(), f"{worker.name} ended: {self.log_path}"
            return len(living & {child.pid for child in worker.children()}) >= count

        wait_until(has_engines, f"{count} engines of {worker.name} run ({self.log_path})", ENGINE_START_SECONDS)

    def start_web(self) -> None:
        """Start gunicorn, with one process that serves, and return when it answers."""
        self.start("web", "gunicorn", "--config", "config/gunicorn_conf.py", "config.wsgi")
        wait_until(self.answers, f"the site answers ({self.log_path})", START_SECONDS)

    def web_process(self) -> psutil.Process:
        """Return the one process of gunicorn's that serves requests."""
        (process,) = psutil.Process(self._processes["web"].pid).children()
        return process

    def kill_main(self, worker: Worker) -> list[psutil.Process]:
        """Kill Celery's main process alone, and return the children that it leaves behind."""
        children = worker.children()
        self._processes.pop(worker.name)
        worker.main.kill()
        worker.main.wait(10)
        return children

    def until_hints_arrive(self) -> float:
        """Wait until beat has sent another task and a worker has taken it; return how many seconds that took."""
        started = time.monotonic()
        client = self.servers.redis_client()

        def sent() -> int:
            return int(client.info("commandstats").get("cmdstat_lpush", {}).get("calls", 0))

        before = sent()
        wait_until(lambda: sent() > before, "beat sends tasks", RECONNECT_SECONDS)
        wait_until(lambda: client.llen("celery") == 0, "a worker takes them", RECONNECT_SECONDS)
        return time.monotonic() - started

    def tidy_up(self) -> None:
        """Between two tests: everything answers again, no worker runs, nothing waits, and what must survive did."""
        self.servers.heal()
        for name in [name for name in self._processes if name != "beat"]:
            psutil.Process(self._processes[name].pid).send_signal(signal.SIGCONT)
            self.stop(name)
        self.query("WITH gone AS (DELETE FROM webhooks_engine) DELETE FROM webhooks_due RETURNING delivery_id")
        assert self._processes["beat"].poll() is None, f"beat ended: {self.log_path}"
        accepting_ended = self._accepting.poll() is not None
        if accepting_ended or self._unanswered:  # a test that failed must not fail the next one
            self._end_accepting()
            self._start_accepting()
        assert not accepting_ended, f"the accepting process ended: {self.log_path}"
