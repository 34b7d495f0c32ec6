"""Checks that come to an answer in time, whatever hangs under them.

A server that is frozen, or a host that vanished, answers nothing and breaks no connection, so no time-out of a driver is
sure to end the wait. So checks run in a thread, and whoever asks waits only so long for it. A thread that hangs is
left alone, and nobody starts a second one beside it: who asks next waits for the same one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from django.db import connection

logger = structlog.get_logger(__name__)

Check = Callable[[], None]
NO_ANSWER = "no answer in time"


@dataclass(slots=True)
class _Run:
    """One thread that goes through the checks of a group. `reasons` has each finished one: None when it passed."""

    checks: Mapping[str, Check]
    expected: tuple[type[Exception], ...]
    reasons: dict[str, str | None] = field(default_factory=dict)
    thread: threading.Thread | None = None

    def __call__(self) -> None:
        try:
            for name, check in self.checks.items():
                try:
                    check()
                except self.expected as error:
                    self.reasons[name] = f"{type(error).__name__}: {error}"
                except Exception as error:
                    logger.exception("check_failed", check=name)
                    self.reasons[name] = type(error).__name__
                else:
                    self.reasons[name] = None
        finally:
            connection.close()


class BoundedGroups:
    """Groups of checks; those of a group share a thread and its database connection, and follow one another."""

    def __init__(self, *expected: type[Exception]) -> None:
        """Take the errors by which a check fails; any other one is logged with its traceback, and fails it too."""
        self._expected = expected
        self._lock = threading.Lock()
        self._running: dict[tuple[str, ...], _Run] = {}

    def run(self, groups: Iterable[Mapping[str, Check]], *, seconds: float) -> dict[str, str | None]:
        """Return for each check None when it passed, else why not. Takes `seconds` at most."""
        ends_at = time.monotonic() + seconds
        runs = [self._start(group) for group in groups]
        reasons: dict[str, str | None] = {}
        for run in runs:
            assert run.thread is not None  # noqa: S101  (`_start` made it)
            run.thread.join(max(0.0, ends_at - time.monotonic()))
            reasons |= {name: run.reasons.get(name, NO_ANSWER) for name in run.checks}
        return reasons

    def _start(self, checks: Mapping[str, Check]) -> _Run:
        key = tuple(checks)
        with self._lock:
            running = self._running.get(key)
            if running is not None and running.thread is not None and running.thread.is_alive():
                return running
            run = self._running[key] = _Run(dict(checks), self._expected)
            run.thread = threading.Thread(target=run, name=f"check-{key[0]}", daemon=True)
            run.thread.start()
            return run
