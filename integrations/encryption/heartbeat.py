"""Every running process says which master keys it knows, so that a rotation does not leave one behind."""

from __future__ import annotations

import atexit
import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import Error as DatabaseProblem
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations.encryption.data_keys import forget_expired_data_keys
from integrations.encryption.errors import KeyNotAtHandError
from integrations.encryption.keyring import keyring
from integrations.encryption.models import ProcessHeartbeat
from integrations.ids import uuid7

BEAT_SECONDS = 10.0
ALIVE_SECONDS = 60
_LEAVE_SECONDS = 2.0

logger = structlog.get_logger(__name__)


def start_heartbeat(kind: str, *, beat_seconds: float = BEAT_SECONDS) -> None:
    """Report this process as a `kind` ("web", "worker") from now on, in a daemon thread; once per process.

    A process that forks from this one reports for itself. The row is removed when the process exits; that of one
    that was killed is ignored after a minute and removed by the next beat of any other. While the database is away
    the thread goes on trying.
    """
    global _running
    if _running is None:
        _running = _Heartbeat(kind, beat_seconds)
        _running.start()


def stop_heartbeat() -> None:
    """Stop reporting and remove this process's row. Waits for the database two seconds at most."""
    global _running
    if _running is not None:
        _running.stop()
        _running = None


def live_processes() -> QuerySet[ProcessHeartbeat]:
    """Return the processes that were seen within the last minute, by the database's clock."""
    return ProcessHeartbeat.objects.filter(seen_at__gte=Now() - timedelta(seconds=ALIVE_SECONDS))


class _Heartbeat:
    def __init__(self, kind: str, beat_seconds: float) -> None:
        self.kind = kind
        self.beat_seconds = beat_seconds
        self._row_id = uuid7()
        self._stopping = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="encryption-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_LEAVE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            forget_expired_data_keys()
            self._attempt(self._beat)
            self._stopping.wait(self.beat_seconds)
        self._attempt(self._leave)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except DatabaseProblem as problem:
            if not self._is_failing:
                logger.warning("heartbeat_without_database", problem=str(problem))
            self._is_failing = True
        else:
            self._is_failing = False
        finally:
            connection.close()  # one more connection per process, for a statement every ten seconds, is too many

    def _beat(self) -> None:
        if not self._update():
            # The first beat, or somebody took us for dead while this process was stopped.
            ProcessHeartbeat.objects.create(
                id=self._row_id, kind=self.kind, host=socket.gethostname()[:200], pid=os.getpid()
            )
            self._update()
        ProcessHeartbeat.objects.filter(seen_at__lt=Now() - timedelta(seconds=ALIVE_SECONDS)).delete()

    def _update(self) -> int:
        try:
            fingerprints = keyring().fingerprints
        except KeyNotAtHandError:
            fingerprints = []
        return ProcessHeartbeat.objects.filter(id=self._row_id).update(seen_at=Now(), master_fingerprints=fingerprints)

    def _leave(self) -> None:
        ProcessHeartbeat.objects.filter(id=self._row_id).delete()


_running: _Heartbeat | None = None


def _start_again_after_fork() -> None:
    """Threads do not survive a fork, and the row belongs to the parent."""
    global _running
    if _running is not None:
        parent, _running = _running, None
        start_heartbeat(parent.kind, beat_seconds=parent.beat_seconds)


os.register_at_fork(after_in_child=_start_again_after_fork)
atexit.register(stop_heartbeat)
