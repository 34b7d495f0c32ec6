"""How Celery hosts the engine: one thread in every worker process, started by the first task and stopped by its signals.

A warm shutdown reaches Celery's main process first. It tells its children through a byte of shared memory, so that
they stop claiming at once, while Celery still waits for its tasks; unlike an event with a lock, a byte cannot be left
locked by a child that was killed.
"""

from __future__ import annotations

import asyncio
import gc
import mmap
import threading
from typing import Final

import structlog
import uvloop
from django.conf import settings

from webhooks.engine.engine import Engine
from webhooks.engine.limits import FLUSH_SECONDS
from webhooks.engine.senders import load_senders

logger = structlog.get_logger(__name__)

_RUNNING: Final = 0
_STOPPING: Final = 1
# Beside the grace: recording what is left, and closing.
_JOIN_MARGIN_SECONDS: Final = FLUSH_SECONDS + 5.0
# Objects made, less those freed, between two looks for cycles. What an engine makes is nearly all freed without one.
_GARBAGE_THRESHOLD: Final = 20_000


class _Host:
    """The engine's thread in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_stopped = threading.Event()
        # Shared with every process that is forked later; made before that, by `prepare_in_main`.
        self._announced: mmap.mmap | None = None

    def prepare(self) -> None:
        self._announced = mmap.mmap(-1, 1)

    def announce_stop(self) -> None:
        if self._announced is not None:
            self._announced[0] = _STOPPING

    def should_stop(self) -> bool:
        return self._is_stopped.is_set() or (self._announced is not None and self._announced[0] != _RUNNING)

    def ensure_running(self) -> None:
        with self._lock:
            if self.should_stop() or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._run, name="delivery-engine", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._is_stopped.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(settings.ENGINE_SHUTDOWN_GRACE_SECONDS + _JOIN_MARGIN_SECONDS)

    def _run(self) -> None:
        _collect_garbage_rarely()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._run_engine())
        except Exception:
            # The thread's last word; the next hint starts a new engine.
            logger.exception("engine_failed")

    async def _run_engine(self) -> None:
        engine = Engine(
            senders=load_senders(),
            should_stop=self.should_stop,
            grace_seconds=settings.ENGINE_SHUTDOWN_GRACE_SECONDS,
        )
        await engine.run()


def _collect_garbage_rarely() -> None:
    """Keep the collector from walking over all that was imported, again and again: a quarter of a delivery's CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)


_host = _Host()


def prepare_in_main() -> None:
    """Make what the main process and its children share; in the main process, before it forks (`worker_init`)."""
    _host.prepare()


def announce_stop() -> None:
    """Tell all engines of this worker to stop claiming; in the main process, even in a signal handler."""
    _host.announce_stop()


def ensure_running() -> None:
    """Start this process's engine unless it runs already, or is about to stop. Returns at once."""
    _host.ensure_running()


def stop_in_child() -> None:
    """Stop this process's engine and wait for it: the grace, and a little for the last records."""
    _host.stop()
