"""Gunicorn's configuration, for development and production; the command line and `GUNICORN_CMD_ARGS` override it."""

from __future__ import annotations

import gc
import logging
import os
from typing import TYPE_CHECKING

from gunicorn.glogging import Logger

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.config import Config
    from gunicorn.workers.base import Worker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


# Objects made, less those freed, between two looks for cycles: a request's are nearly all freed without one.
_GARBAGE_THRESHOLD = 10_000


class DjangoLogger(Logger):
    """Gunicorn's messages go where `settings.LOGGING` sends everything else; requests are logged by our middleware."""

    def setup(self, cfg: Config) -> None:
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.error_log.setLevel(logging.INFO)
        self.access_log.handlers = []
        self.access_log.disabled = True


wsgi_app = "config.wsgi:application"
bind = f"127.0.0.1:{os.environ.get('PORT') or 8000}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)
threads = 16
timeout = 60  # of a worker that no longer beats, not of a request
graceful_timeout = 20
keepalive = 5
# A heartbeat file on a disk can block the worker; memory cannot.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
control_socket_disable = True
logger_class = DjangoLogger


def on_starting(server: Arbiter) -> None:
    """In the master, before it listens: a wrong environment ends it."""
    from config.startup import refuse_to_start

    refuse_to_start()


def post_worker_init(worker: Worker) -> None:
    """In each worker, once the application is loaded."""
    from config.metrics.flushing import start_flushing as start_flushing_metrics
    from integrations.api_keys.flushing import start_flushing
    from integrations.encryption.heartbeat import start_heartbeat

    start_heartbeat("web")
    start_flushing()
    start_flushing_metrics("web")
    _collect_garbage_rarely()


def _collect_garbage_rarely() -> None:
    """Keep the collector from walking over all that was imported, again and again: a twentieth of a request's CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)
