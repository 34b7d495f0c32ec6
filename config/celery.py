"""The Celery application. Celery hosts: it starts, spreads and stops processes; what is to be done stands in PostgreSQL.

Celery announces the steps of a process's life by its own signals; each is tied here, in one place, to one function.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from celery import Celery
from celery.signals import (
    after_task_publish,
    beat_init,
    celeryd_init,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)

if TYPE_CHECKING:
    from celery import Task
    from celery.beat import Service

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_BEGAN_AT: Final = "signalbox_began_at"

app = Celery("signalbox")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect(weak=False)
def _leave_logging_to_django(**_: Any) -> None:
    """A receiver of this signal keeps Celery from installing its own handlers beside those of `settings.LOGGING`."""
    for name in ("celery.beat", "celery.worker.strategy", "celery.app.trace"):
        # A hint every second would otherwise be most of the log; a task that fails is an error, and stays in it.
        logging.getLogger(name).setLevel(logging.WARNING)


@celeryd_init.connect(weak=False)
@beat_init.connect(weak=False)
def _refuse_to_start(**_: Any) -> None:
    from config.startup import refuse_to_start

    refuse_to_start()


@beat_init.connect(weak=False)
def _stop_beat_between_two_hints(sender: Service, **_: Any) -> None:
    """Celery's own handler raises in the middle of what beat is doing, which may be writing to Redis: a page of traceback."""
    signal.signal(signal.SIGTERM, lambda *_: sender.stop())


@beat_init.connect(weak=False)
def _count_what_beat_sends(**_: Any) -> None:
    """What this process has sent shows that beat lives and reaches the broker; that a task then ran, that workers do."""
    from config.metrics.flushing import start_flushing
    from integrations.process_metrics import SENT_BY_BEAT, metrics

    after_task_publish.connect(lambda sender, **_: metrics.add((SENT_BY_BEAT, str(sender))), weak=False)
    start_flushing("beat")


@task_prerun.connect(weak=False)
def _start_clock(task: Task, **_: Any) -> None:
    setattr(task.request, _BEGAN_AT, time.perf_counter())


@task_postrun.connect(weak=False)
def _count_task(task: Task, state: str | None, **_: Any) -> None:
    from integrations.process_metrics import TASK, metrics

    began_at = getattr(task.request, _BEGAN_AT, None)
    seconds = time.perf_counter() - began_at if began_at is not None else 0.0
    metrics.add((TASK, task.name, (state or "unknown").lower()), seconds)


@worker_init.connect(weak=False)
def _prepare_engine(**_: Any) -> None:
    """In the worker's main process, before it forks: what the engine's main and child processes share is made here."""
    from webhooks.engine.hosting import prepare_in_main

    prepare_in_main()


@worker_process_init.connect(weak=False)
def _start_heartbeat(**_: Any) -> None:
    from config.metrics.flushing import start_flushing
    from integrations.encryption.heartbeat import start_heartbeat

    start_heartbeat("worker")
    start_flushing("worker")


@worker_process_init.connect(weak=False)
def _start_engine(**_: Any) -> None:
    """In each child at once, not at its first hint: while the broker is away no hint comes, and deliveries go on."""
    from webhooks.engine.hosting import ensure_running

    ensure_running()


@worker_shutting_down.connect(weak=False)
def _announce_engine_stop(**_: Any) -> None:
    """In the main process, at the first signal: the engines stop claiming while Celery still waits for its tasks."""
    from webhooks.engine.hosting import announce_stop

    announce_stop()


@worker_process_shutdown.connect(weak=False)
def _stop_engine(**_: Any) -> None:
    """In each child: wait for the engine's grace, then release what it still holds."""
    from config.metrics.flushing import stop_flushing
    from integrations.encryption.heartbeat import stop_heartbeat
    from webhooks.engine.hosting import stop_in_child

    stop_in_child()
    stop_flushing()
    stop_heartbeat()  # a prefork child leaves without `atexit`; its row would hold up a key rotation for a minute
