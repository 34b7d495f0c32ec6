"""What this process does, counted and timed in its own memory; `config.metrics.flushing` adds it to the database.

Counting is on the way of every request and every statement, so it costs about a microsecond and touches nothing but a
dictionary. A child that forks off starts from nothing: what its parent had counted is the parent's to write.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# Of a histogram of seconds: each bucket counts what is above the bound before it, up to and including its own.
UPPER_BOUNDS_SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0),
    *(2.5, 5.0, 10.0, float("inf")),
)
# What is counted, by the first part of its key.
REQUEST: Final = "request"  # method, route, status
STATEMENT: Final = "statement"  # kind of statement
ENCRYPTION: Final = "encryption"  # operation, outcome
TASK: Final = "task"  # name, state
SENT_BY_BEAT: Final = "sent_by_beat"  # name of the task

# All parts of a key are from our own code, so this is never reached; were it, counts would be lost and not memory.
_MOST_KEYS: Final = 10_000

Key = tuple[str, ...]


@dataclass(slots=True)
class Measured:
    """How often, how long together, and (where it is asked for) how the durations are spread."""

    count: int = 0
    seconds: float = 0.0
    histogram: list[int] = field(default_factory=lambda: [0] * len(UPPER_BOUNDS_SECONDS))


class ProcessMetrics:
    """The counts of one process since they were last taken. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._measured: dict[Key, Measured] = {}

    def add(self, key: Key, seconds: float = 0.0) -> None:
        """Count something that took so long."""
        with self._lock:
            measured = self._measured.get(key) or self._new(key)
            measured.count += 1
            measured.seconds += seconds

    def observe(self, key: Key, seconds: float) -> None:
        """Count something, and in which bucket its duration lies."""
        bucket = bisect_left(UPPER_BOUNDS_SECONDS, seconds)
        with self._lock:
            measured = self._measured.get(key) or self._new(key)
            measured.count += 1
            measured.seconds += seconds
            measured.histogram[bucket] += 1

    def take(self) -> dict[Key, Measured]:
        """Return what was counted since the last time, and start again from nothing."""
        with self._lock:
            taken, self._measured = self._measured, {}
        return taken

    def put_back(self, taken: Mapping[Key, Measured]) -> None:
        """Count again what was taken and could not be written."""
        with self._lock:
            for key, old in taken.items():
                measured = self._measured.get(key) or self._new(key)
                measured.count += old.count
                measured.seconds += old.seconds
                measured.histogram = [a + b for a, b in zip(measured.histogram, old.histogram, strict=True)]

    def start_anew(self) -> None:
        """Forget everything, in a child that was just forked: the lock may have been held at that moment."""
        self._lock = threading.Lock()
        self._measured = {}

    def _new(self, key: Key) -> Measured:
        if len(self._measured) >= _MOST_KEYS:
            return Measured()
        return self._measured.setdefault(key, Measured())


class Waited(threading.local):
    """How long this thread's request waited because its caller asked for that: no slowness of the site's."""

    seconds: float = 0.0


metrics: Final = ProcessMetrics()
"""This process's own."""
waited: Final = Waited()

os.register_at_fork(after_in_child=metrics.start_anew)
