"""Probes: `/healthz` says that this process answers, `/readyz` that it can work.

Both are open to everybody, so they name what fails and nothing more (but how long deliveries wait); the reason is in
the log. No answer of `/readyz` takes longer than two seconds, whatever hangs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.bounded_checks import NO_ANSWER, BoundedGroups
from config.encryption_canary import canary_problems
from config.metrics.page import metrics
from config.redis_address import redis_py_url
from integrations.encryption.startup import encryption_problems
from webhooks.queue_state import delivery_lag

logger = structlog.get_logger(__name__)

READY_SECONDS = 2.0
_BROKER_SECONDS = 1.0


class NotReadyError(Exception):
    """A check failed. The message goes to the log."""


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer without touching anything: a supervisor restarts a process that cannot even do this."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when every check passes, else 503 with those that fail: a balancer sends no requests then."""
    reasons = _groups.run(_by_server(), seconds=READY_SECONDS)
    for name, reason in reasons.items():
        if reason is not None:
            logger.warning("not_ready", check=name, reason=reason)
    ready = not any(reasons.values())
    body: dict[str, Any] = {
        "status": "ok" if ready else "failing",
        "checks": {name: "failing" if reasons[name] else "ok" for name in CHECKS},
    }
    if reasons["deliveries"] not in {None, NO_ANSWER} and _lag_seen is not None:
        body["delivery_lag_seconds"] = _lag_seen
    return JsonResponse(body, status=200 if ready else 503)


def _by_server() -> list[dict[str, Callable[[], None]]]:
    """Those that ask PostgreSQL share a connection; one that hangs leaves the others without an answer, too."""
    broker = {"broker": CHECKS["broker"]}
    return [{name: check for name, check in CHECKS.items() if name not in broker}, broker]


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations() -> None:
    if not _migrations_applied():
        _migrations_applied.cache_clear()
        raise NotReadyError("There are unapplied migrations: run manage.py migrate.")


@cache
def _migrations_applied() -> bool:
    """Remembered once true, since reading every migration's file is slow and they are not unapplied under a site."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _broker() -> None:
    client = redis.Redis.from_url(
        redis_py_url(settings.CELERY_BROKER_URL),
        socket_connect_timeout=_BROKER_SECONDS,
        socket_timeout=_BROKER_SECONDS,
    )
    with client:
        client.ping()


def _encryption() -> None:
    if problems := encryption_problems() or canary_problems():
        raise NotReadyError(" ".join(problems))


def _deliveries() -> None:
    global _lag_seen
    if not settings.READY_MAX_DELIVERY_LAG_SECONDS:
        return
    lag = _lag_seen = round(delivery_lag().ready, 1)
    if lag > settings.READY_MAX_DELIVERY_LAG_SECONDS:
        raise NotReadyError(f"A delivery that could be sent has waited for {lag} s: are there workers?")


CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "encryption": _encryption,
    "deliveries": _deliveries,
}
PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
_groups = BoundedGroups(NotReadyError, Error, redis.RedisError)
_lag_seen: float | None = None


class ProbeMiddleware:
    """Answer probes before anything looks at the Host header: balancers ask by address, and often by HTTP."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path, self.get_response)(request)
