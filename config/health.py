"""Probes: `/healthz` says that this process answers, `/readyz` that it can work.

Both are open to everybody, so they name what fails and nothing more; the reason is in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import redis
import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.redis_address import redis_py_url
from integrations.encryption.startup import encryption_problems

logger = structlog.get_logger(__name__)

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
    checks = {name: _passes(name, check) for name, check in CHECKS.items()}
    ready = all(checks.values())
    body = {
        "status": "ok" if ready else "failing",
        "checks": {name: "ok" if passed else "failing" for name, passed in checks.items()},
    }
    return JsonResponse(body, status=200 if ready else 503)


def _passes(name: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except (NotReadyError, Error, redis.RedisError) as error:
        logger.warning("not_ready", check=name, reason=f"{type(error).__name__}: {error}")
        return False
    return True


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
    if problems := encryption_problems():
        raise NotReadyError(" ".join(problems))


CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "encryption": _encryption,
}
PROBES = {"/healthz": healthz, "/readyz": readyz}


class ProbeMiddleware:
    """Answer probes before anything looks at the Host header: balancers ask by address, and often by HTTP."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path, self.get_response)(request)
