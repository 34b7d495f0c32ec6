"""Counting requests: by route, never by path, so that there are as many series as there are addresses in the code."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest

from integrations.process_metrics import REQUEST, metrics, waited

# Answered before a route is looked for.
PROBE_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
NO_ROUTE: Final = "(none)"
API_ROUTES: Final = "api/"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def count_request(request: HttpRequest, status: int, seconds: float) -> None:
    """Count one request of `seconds`, less what its caller asked it to wait for deliveries."""
    route = _route(request)
    method = request.method if request.method in _METHODS else "OTHER"
    metrics.observe((REQUEST, method, route, str(status)), max(0.0, seconds - waited.seconds))


def _route(request: HttpRequest) -> str:
    if request.resolver_match is not None:
        return request.resolver_match.route
    return request.path if request.path in PROBE_PATHS else NO_ROUTE
