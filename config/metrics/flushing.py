"""The thread of a process that adds its counts to the database every few seconds, and once more when it ends.

No request waits for it. What a process had counted since the last time is lost when it is killed; everything else is
exact, since the database adds what each process brings.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections.abc import Mapping
from typing import Any, Final

import structlog
from django.db import Error as DatabaseProblem
from django.db import connection, transaction

from config.metrics.requests import API_ROUTES
from integrations.process_metrics import REQUEST, UPPER_BOUNDS_SECONDS, Key, Measured, metrics

FLUSH_SECONDS: Final = 5.0
_LEAVE_SECONDS: Final = 2.0

logger = structlog.get_logger(__name__)

_SUMS: Final = ", ".join(
    f"stored.histogram[{at}] + excluded.histogram[{at}]" for at in range(1, len(UPPER_BOUNDS_SECONDS) + 1)
)
# In the order of keys: processes that flush together wait for each other, and never in a circle.
_ADD: Final = f"""
    INSERT INTO config_processtotal AS stored (process, metric, labels, count, seconds, histogram, updated_at)
    SELECT %s, metric, labels, count, seconds, histogram::bigint[], now()
      FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::float8[], %s::text[])
        AS added (metric, labels, count, seconds, histogram)
     ORDER BY metric, labels
    ON CONFLICT (process, metric, labels) DO UPDATE
    SET count = stored.count + excluded.count, seconds = stored.seconds + excluded.seconds,
        histogram = ARRAY[{_SUMS}], updated_at = excluded.updated_at
"""  # noqa: S608  (put together from our own constants)
_ADD_MINUTE: Final = f"""
    INSERT INTO config_requestminute AS stored (minute, count, seconds, histogram)
    VALUES (date_trunc('minute', now()), %s, %s, %s::bigint[])
    ON CONFLICT (minute) DO UPDATE
    SET count = stored.count + excluded.count, seconds = stored.seconds + excluded.seconds, histogram = ARRAY[{_SUMS}]
"""  # noqa: S608
_FORGET_MINUTES: Final = """
    DELETE FROM config_requestminute WHERE minute IN (
        SELECT minute FROM config_requestminute WHERE minute < now() - interval '1 day' FOR UPDATE SKIP LOCKED
    )
"""
# Of routes and tasks of earlier releases. To Prometheus a counter that comes back begins again.
_FORGET_UNUSED: Final = """
    DELETE FROM config_processtotal WHERE (process, metric, labels) IN (
        SELECT process, metric, labels FROM config_processtotal
        WHERE updated_at < now() - interval '90 days' FOR UPDATE SKIP LOCKED
    )
"""


def start_flushing(process: str, *, every: float = FLUSH_SECONDS) -> None:
    """Add what this process (a "web", "worker" or "beat") counts to the database from now on; once per process.

    A process that forks from this one flushes for itself.
    """
    global _flushing
    if _flushing is None:
        _flushing = _Flushing(process, every)
        _flushing.start()


def stop_flushing() -> None:
    """Write what is left. Waits for the database two seconds at most."""
    global _flushing
    if _flushing is not None:
        _flushing.stop()
        _flushing = None


def flush(process: str) -> None:
    """Write what was counted since the last time. What could not be written waits for the next. Raises DatabaseError."""
    taken = metrics.take()
    if not taken:
        return
    try:
        _write(process, taken)
    except DatabaseProblem:
        metrics.put_back(taken)
        raise


def _write(process: str, taken: Mapping[Key, Measured]) -> None:
    rows = [
        (key[0], json.dumps(key[1:]), each.count, each.seconds, _array(each.histogram)) for key, each in taken.items()
    ]
    columns: list[list[Any]] = [[row[at] for row in rows] for at in range(5)]
    of_api = [each for key, each in taken.items() if key[0] == REQUEST and key[2].startswith(API_ROUTES)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ADD, [process, *columns])
        if of_api:
            histogram = [sum(counts) for counts in zip(*(each.histogram for each in of_api), strict=True)]
            count, seconds = sum(each.count for each in of_api), sum(each.seconds for each in of_api)
            cursor.execute(_ADD_MINUTE, [count, seconds, _array(histogram)])
            cursor.execute(_FORGET_MINUTES)
            cursor.execute(_FORGET_UNUSED)


def _array(counts: list[int]) -> str:
    return "{" + ",".join(map(str, counts)) + "}"


class _Flushing:
    def __init__(self, process: str, every: float) -> None:
        self.process = process
        self.every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="process-metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_LEAVE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self.every):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        try:
            flush(self.process)
        except DatabaseProblem as problem:
            logger.warning("process_metrics_not_written", problem=str(problem))
        finally:
            connection.close()  # a statement every few seconds is worth no connection of its own


_flushing: _Flushing | None = None


def _start_again_after_fork() -> None:
    """Threads do not survive a fork; what the parent had counted is forgotten by then (`integrations.process_metrics`)."""
    global _flushing
    if _flushing is not None:
        parent, _flushing = _flushing, None
        start_flushing(parent.process, every=parent.every)


os.register_at_fork(after_in_child=_start_again_after_fork)
atexit.register(stop_flushing)
