"""What every request carries through the code and the logs: an id, and the client's address.

Both are attributes of the request (`request_id`, `client_address`) and bound to structlog's context, so that each log
line of the request has them. When the request has ended, one line says how it went.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from config.metrics.requests import PROBE_PATHS, count_request
from integrations.ids import uuid7
from integrations.process_metrics import waited

logger = structlog.get_logger("signalbox.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORWARDED_BY_PROXIES = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REQUEST_ID",
)

Address = IPv4Address | IPv6Address


class RequestContextMiddleware:
    """First in the chain: everything after it may rely on the forwarded headers, which only trusted proxies can set."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        waited.seconds = 0.0
        peer = parse_address(request.META.get("REMOTE_ADDR", ""))
        if peer is None or not _is_trusted(peer, settings.TRUSTED_PROXIES):
            for name in _FORWARDED_BY_PROXIES:
                request.META.pop(name, None)
        address = client_address(peer, request.META.get("HTTP_X_FORWARDED_FOR", ""), settings.TRUSTED_PROXIES)
        request.client_address = str(address) if address else None  # type: ignore[attr-defined]
        request.request_id = _request_id(request)  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(
            request_id=request.request_id,  # type: ignore[attr-defined]
            client_address=request.client_address,  # type: ignore[attr-defined]
        ):
            response = self.get_response(request)
            response.headers["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
            seconds = time.perf_counter() - started
            count_request(request, response.status_code, seconds)
            _log(request, response, seconds)
        return response


def client_address(
    peer: Address | None, forwarded_for: str, trusted: Sequence[IPv4Network | IPv6Network]
) -> Address | None:
    """Return the address that a request comes from.

    Each trusted proxy appends the address that it saw, so the list is read from its end: the first that is no trusted
    proxy is the client. What stands further left was written by the client, and counts for nothing.
    """
    client = peer
    for item in reversed(forwarded_for.split(",") if forwarded_for else []):
        if client is None or not _is_trusted(client, trusted):
            break
        forwarded = parse_address(item)
        if forwarded is None:
            break
        client = forwarded
    return client


@lru_cache(maxsize=256)  # proxies pass on what clients write, of any length
def parse_address(text: str) -> Address | None:
    """Return an address as proxies write it (`192.0.2.1`, `192.0.2.1:5678`, `[2001:db8::1]:5678`), or None."""
    text = text.strip()
    if bracketed := re.fullmatch(r"\[([^\]]*)\](?::\d+)?", text):
        text = bracketed[1]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or (IPv6Address(int(address)) if address.version == 6 else address)  # without a zone


def _is_trusted(address: Address, trusted: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in trusted)


def _request_id(request: HttpRequest) -> str:
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7())


def _log(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    is_noise = request.path in PROBE_PATHS or request.path.startswith(settings.STATIC_URL)
    log = logger.debug if is_noise else logger.info
    log(
        "request",
        method=request.method,
        path=request.path,  # without the query, which may hold what should not be stored
        status=response.status_code,
        duration_ms=round(seconds * 1000, 1),
        user_id=_user_id(request),
    )


def _user_id(request: HttpRequest) -> str | None:
    """Return the id of a user that the request has looked up already; a log line costs no query."""
    user = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject):
        user = getattr(request, "_cached_user", None)
    return str(user.pk) if user is not None and user.pk is not None else None
