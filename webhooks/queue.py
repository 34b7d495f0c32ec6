"""Telling the workers that there is work, without ever waiting for the broker.

What is due stands in PostgreSQL, and engines look for it by themselves; a hint only starts an engine that does not
run yet. So a lost hint costs nothing, and sending one must not cost anything either: a caller sets a flag, and one
background thread per process sends at most one hint per 50 ms. It may hang for as long as the broker does.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Final

import structlog
from celery import current_app
from kombu.exceptions import KombuError

logger = structlog.get_logger(__name__)

DRAIN_TASK: Final = "webhooks.drain"
BACKLOGS_TASK: Final = "webhooks.move_backlogs"
EXPIRES_AFTER: Final = 5.0
PAUSE: Final = 0.05
PAUSE_AFTER_FAILURE: Final = 5.0


class HintSender:
    """The background thread that sends one kind of hint; it is started by the first hint of a process."""

    def __init__(self, task: str = DRAIN_TASK) -> None:
        self._task = task
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def hint(self) -> None:
        """Have a hint sent soon. Returns at once and never fails."""
        self._wanted.set()
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=f"{self._task}-hints", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            time.sleep(PAUSE if _send(self._task) else PAUSE_AFTER_FAILURE)


def _send(task: str) -> bool:
    try:
        current_app.send_task(task, expires=EXPIRES_AFTER, retry=False, ignore_result=True)
    except (KombuError, OSError) as error:
        logger.warning("delivery_hint_not_sent", task=task, reason=str(error))
        return False
    return True


_sender = HintSender()
_backlog_sender = HintSender(BACKLOGS_TASK)


def hint() -> None:
    """Tell the workers that deliveries are due. For `transaction.on_commit`: returns at once and never fails."""
    _sender.hint()


def hint_backlogs() -> None:
    """Tell the workers that backlogs have to be moved. As `hint`; beat says so every second in any case."""
    _backlog_sender.hint()


def _forget_the_parents_thread() -> None:
    """A forked child inherits locks and flags, but not the thread that served them."""
    global _sender, _backlog_sender
    _sender, _backlog_sender = HintSender(), HintSender(BACKLOGS_TASK)


os.register_at_fork(after_in_child=_forget_the_parents_thread)
