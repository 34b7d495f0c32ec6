"""`/metrics`: what Prometheus scrapes, behind a token of its own."""

from __future__ import annotations

import hmac

import structlog
from django.conf import settings
from django.db import Error as DatabaseProblem
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from config.metrics.families import families
from integrations.isolation.transaction_settings import transaction_settings

logger = structlog.get_logger(__name__)

# A scrape that waits is worth nothing to Prometheus, which has its own time-out of 10 s.
_LIMITS = {"statement_timeout": "5s", "lock_timeout": "1s"}


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the metrics to who knows `METRICS_TOKEN`; 503 while the database does not give them.

    Without that setting nobody knows it: 404 in production, open in development.
    """
    if not settings.METRICS_TOKEN:
        if settings.IS_PRODUCTION:
            return HttpResponseNotFound("Not found: METRICS_TOKEN is not set.\n", content_type="text/plain")
    elif not _is_token(request.headers.get("Authorization", "")):
        answer = HttpResponse("Send METRICS_TOKEN as a bearer token.\n", content_type="text/plain", status=401)
        answer.headers["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return answer
    try:
        with transaction_settings(_LIMITS):
            found = list(families())
    except DatabaseProblem as problem:
        logger.warning("metrics_without_database", reason=f"{type(problem).__name__}: {problem}")
        return HttpResponse("The database does not answer.\n", content_type="text/plain", status=503)
    return HttpResponse(exposition(found), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def exposition(found: list[Metric]) -> bytes:
    """Return metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(found))
    text: bytes = generate_latest(registry)
    return text


class _Found(Collector):
    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> list[Metric]:
        return self._found


def _is_token(authorization: str) -> bool:
    scheme, _, token = authorization.partition(" ")
    given = token.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(given, settings.METRICS_TOKEN.encode())
