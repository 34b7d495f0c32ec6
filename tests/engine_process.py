"""A delivery engine for tests: in a thread of the test's own process, or hosted by a real Celery worker process.

Both work on the test database, on what is committed: such tests need `transactional_db`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop
from django.conf import settings
from django.db import connection

from webhooks.engine.engine import Engine
from webhooks.engine.senders import Sender, load_senders
from webhooks.models import Due


class RunningEngine:
    """An engine in a thread. `stop` waits for its end, and raises what ended it before."""

    def __init__(self, senders: Mapping[str, Sender] | None = None, *, grace_seconds: float = 2.0) -> None:
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self.engine = Engine(
            senders=load_senders() if senders is None else senders,
            should_stop=self._stop.is_set,
            grace_seconds=grace_seconds,
        )
        self._thread = threading.Thread(target=self._run, name="delivery-engine", daemon=True)

    def start(self) -> RunningEngine:
        self._thread.start()
        return self

    def stop(self, *, within: float = 15.0) -> None:
        self._stop.set()
        self._thread.join(within)
        assert not self._thread.is_alive(), f"the engine did not stop within {within} s"
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self.engine.run())
        except BaseException as error:  # noqa: BLE001  (raised by `stop`)
            self._error = error


@contextmanager
def running_engine(
    senders: Mapping[str, Sender] | None = None, *, grace_seconds: float = 2.0
) -> Iterator[RunningEngine]:
    """Run an engine while the block runs."""
    engine = RunningEngine(senders, grace_seconds=grace_seconds).start()
    try:
        yield engine
    finally:
        engine.stop()


def wait_until(condition: Callable[[], Any], *, timeout: float = 15.0, what: str = "") -> Any:
    """Return the first true answer of `condition`; AssertionError after `timeout` seconds."""
    give_up_at = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {timeout} s: {what or condition}")
        time.sleep(0.02)
    return answer


def drain(*, timeout: float = 30.0) -> None:
    """Wait until nothing is in the queue any more."""
    wait_until(lambda: not Due.objects.exists(), timeout=timeout, what="an empty queue")


@contextmanager
def worker_process(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a real `celery worker` on the test database and the test Redis; killed at the end if still alive."""
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency=1", "--loglevel=WARNING", *arguments],
        cwd=Path(settings.BASE_DIR),
        env={**os.environ, "DATABASE_URL": test_database_url(), "ENGINE_SHUTDOWN_GRACE": "3", **(environment or {})},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.wait(10)


def test_database_url() -> str:
    """Return the URL of the database that the tests of this process use."""
    return urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


test_database_url.__test__ = False  # type: ignore[attr-defined]
