"""The thread of a web process that writes the counts of its keys once a minute, and once more when the process ends."""

from __future__ import annotations

import atexit
import threading
from typing import Final

import structlog
from django.db import Error as DatabaseProblem
from django.db import connection

from integrations.api_keys.usage import UsageCounter, counter

FLUSH_SECONDS: Final = 60.0
_LEAVE_SECONDS: Final = 2.0

logger = structlog.get_logger(__name__)


def start_flushing(*, every: float = FLUSH_SECONDS) -> None:
    """Write this process's counts every minute from now on, and when it ends; once per process."""
    global _flushing
    if _flushing is None:
        _flushing = _Flushing(counter, every)
        _flushing.start()


def stop_flushing() -> None:
    """Write what is left. Waits for the database two seconds at most."""
    global _flushing
    if _flushing is not None:
        _flushing.stop()
        _flushing = None


class _Flushing:
    def __init__(self, counter: UsageCounter, every: float) -> None:
        self._counter = counter
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="api-key-usage", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_LEAVE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        try:
            self._counter.flush()
        except DatabaseProblem as problem:
            logger.warning("api_key_usage_not_written", problem=str(problem))
        finally:
            connection.close()  # a statement a minute is worth no connection of its own


_flushing: _Flushing | None = None
atexit.register(stop_flushing)
