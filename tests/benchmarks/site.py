"""The site that is measured: real servers on temporary data, real Celery workers, gunicorn; Django in this process.

PostgreSQL is durable here (fsync on), unlike under the tests: an accepted event must be on the disk.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psutil
import psycopg
import redis

from config.embedded import EmbeddedServers
from config.embedded.places import places_of
from config.redis_address import redis_py_url
from tests.benchmarks.receiver import running_receiver
from tests.benchmarks.report import Report
from tests.running_site import RunningSite, free_port, wait_until
from tests.servers import remove, site_environment

if TYPE_CHECKING:
    from integrations.models import Tenant

_ACCEPTED = ("webhooks_event", "webhooks_payload", "webhooks_delivery", "webhooks_due")
_EMPTIED = (
    *_ACCEPTED,
    "analytics_webhookcall",
    "analytics_hourlyrollup",
    "analytics_minuterollup",
    "analytics_purgehorizon",
)
ENGINE_START_SECONDS = 60
# Limits are counted as ever, but high enough for a load.
_SETTINGS = {"LOG_LEVEL": "WARNING", "WEB_CONCURRENCY": "1", "TENANT_REQUESTS_PER_HOUR": "1000000000"}


class _Processes(RunningSite):
    """A running site whose parts are started by those who measure them."""

    def start_all(self) -> None:
        self.manage("ensure_admin")


@dataclass(slots=True)
class Site:
    """What every section gets."""

    processes: _Processes
    receiver: str
    report: Report
    is_quick: bool
    superuser: dict[str, Any]
    """How psycopg connects as the server's superuser, for its log."""
    server_log: Path
    servers: dict[str, psutil.Process]
    """Who works on deliveries besides the engines: PostgreSQL (with all its processes) and the receiver."""
    tenant: Tenant = field(init=False)
    target_ids: list[UUID] = field(init=False)
    """Its fifty webhooks."""

    def prepare(self) -> None:
        """Make the tenant and the webhooks that most sections use."""
        from tests.benchmarks.dataset import WEBHOOKS, make_tenant, make_webhooks

        self.tenant = make_tenant("bench")
        self.target_ids = [webhook.id for webhook in make_webhooks(self.tenant, self.receiver, WEBHOOKS)]

    def load(self, deliveries: int, *, webhooks: int = 50, is_due: bool = True) -> None:
        """Let so many deliveries be due, all at once, for so many of the webhooks; or only exist, not `is_due`."""
        from tests.benchmarks.dataset import Loader

        with self.connect() as connection:
            target_ids = self.target_ids[:webhooks]
            Loader().load(connection, self.tenant.id, target_ids, deliveries=deliveries, is_due=is_due)

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.processes.query(sql, *parameters)

    def value(self, sql: str, *parameters: object) -> Any:
        return self.query(sql, *parameters)[0][0]

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.processes.database_url)

    def empty(self) -> None:
        """Forget all deliveries; webhooks stay. Statistics are made anew, as autovacuum would have by and by."""
        with psycopg.connect(self.processes.database_url, autocommit=True) as connection:
            connection.execute(f"TRUNCATE {', '.join(_EMPTIED)}")
            connection.execute("UPDATE webhooks_webhookstats SET total_calls = 0, attempts = 0")

    def empty_queue(self) -> None:
        """Forget all events and their deliveries; calls and rollups stay."""
        with psycopg.connect(self.processes.database_url, autocommit=True) as connection:
            connection.execute(f"TRUNCATE {', '.join(_ACCEPTED)}")

    def done(self) -> int:
        """Count finished deliveries by their webhooks' totals, which cost the engine nothing to be read."""
        return int(self.value("SELECT coalesce(sum(total_calls), 0) FROM webhooks_webhookstats"))

    @contextmanager
    def worker(self, *, processes: int = 1) -> Iterator[psutil.Process]:
        """Run one Celery worker with so many processes, and wait until each has its engine."""
        from webhooks.queue import DRAIN_TASK

        self.processes.worker_processes = processes
        self.processes.start_worker()
        main = psutil.Process(self.processes._processes["worker"].pid)
        try:
            wait_until(
                lambda: self._engines(DRAIN_TASK) == processes, "each process has its engine", ENGINE_START_SECONDS
            )
            yield main
        finally:
            self.processes.stop("worker")

    def _engines(self, task: str) -> int:
        from config.celery import app

        alive = int(self.value("SELECT count(*) FROM webhooks_engine WHERE heartbeat_at > now() - interval '20 s'"))
        if alive < self.processes.worker_processes:
            for _ in range(2 * self.processes.worker_processes):
                app.send_task(task, expires=5, ignore_result=True)
        return alive

    def seconds_until_done(self, count: int, *, since: float, limit: float = 120.0) -> float:
        """Wait until `count` deliveries are finished; return seconds since `since` (`time.monotonic`)."""
        with psycopg.connect(self.processes.database_url, autocommit=True) as connection:  # one: each takes a process
            done = "SELECT coalesce(sum(total_calls), 0) >= %s FROM webhooks_webhookstats"
            wait_until(
                lambda: connection.execute(done, [count]).fetchall()[0][0], f"{count} deliveries are finished", limit
            )
        return time.monotonic() - since

    @contextmanager
    def web(self, application: str = "config.wsgi") -> Iterator[str]:
        """Run gunicorn with one process, and give the site's address. Several applications may run beside one another."""
        port = self.processes.port if application == "config.wsgi" else free_port()
        url = f"http://127.0.0.1:{port}"
        options = ("--config", "config/gunicorn_conf.py", "--bind", f"127.0.0.1:{port}")
        self.processes.start(application, "gunicorn", *options, application)
        try:
            wait_until(lambda: self.processes.answers(url), f"{application} answers", 60)
            yield url
        finally:
            self.processes.stop(application)

    def postgres_version(self) -> str:
        with self.connect() as connection:
            version = connection.info.server_version
        return f"{version // 10_000}.{version % 10_000}"

    def redis_version(self) -> str:
        with redis.Redis.from_url(redis_py_url(self.processes.environment["REDIS_URL"])) as client:
            return str(client.info("server")["redis_version"])


@contextmanager
def running_site(report: Report, *, is_quick: bool) -> Iterator[Site]:
    """Start everything on temporary data, set Django up on it, and remove all of it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="signalbox-bench-"))
    folder.chmod(0o711)  # as root, the servers' account passes through
    try:
        with EmbeddedServers(folder) as servers:
            urls = {"DATABASE": servers.start_postgres(), "REDIS": servers.start_redis()}
            os.environ.update({f"SIGNALBOX_TEST_{name}_URL": url for name, url in urls.items()})
            with site_environment() as environment, running_receiver() as (receiver, receiver_pid):
                os.environ.update(environment | _SETTINGS)
                with _Processes(folder) as processes:
                    _set_up_django(processes)
                    places = places_of(folder)
                    superuser = {"host": str(places.sockets), "port": 5432, "user": "postgres", "dbname": "postgres"}
                    postgres_pid = int((places.data / "postmaster.pid").read_text().split("\n", 1)[0])
                    pids = {"PostgreSQL": postgres_pid, "receiver": receiver_pid}
                    parties = {name: psutil.Process(pid) for name, pid in pids.items()}
                    yield Site(processes, receiver, report, is_quick, superuser, folder / "postgres.log", parties)
    finally:
        remove(folder)


def _set_up_django(processes: RunningSite) -> None:
    names = ("DATABASE_URL", "REDIS_URL", "ENCRYPTION_KEY")
    os.environ.update({name: processes.environment[name] for name in names})
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
