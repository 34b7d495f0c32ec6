"""How often somebody may try to log in."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

import redis
import structlog
from django.core.cache import BaseCache, caches
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

logger = structlog.get_logger(__name__)

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class LoginThrottle(BaseThrottle):
    """Count log-ins per address and per username, right or wrong, in fixed windows (`DEFAULT_THROTTLE_RATES["token"]`).

    The counts are kept in Redis, for all processes together. While Redis is away each process counts by itself, so
    that people can still log in: the limit is then that many times higher.
    """

    _wait: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        allowed, _, period = str(api_settings.DEFAULT_THROTTLE_RATES["token"]).partition("/")
        window = _SECONDS[period]
        now = time.time()
        # Both are always counted: an address that is refused still uses up the username's tries.
        counts = [_count(f"log-in:{who}:{int(now // window)}", window) for who in _who(request)]
        self._wait = window - now % window
        return max(counts) <= int(allowed)

    def wait(self) -> float | None:
        return self._wait


def _who(request: Request) -> Iterator[str]:
    yield f"address:{getattr(request, 'client_address', None) or 'unknown'}"
    username = request.data.get("username") if isinstance(request.data, dict) else None
    if isinstance(username, str):
        # What people type here by mistake is sometimes a password.
        yield f"username:{hashlib.sha256(username.strip().lower().encode()).hexdigest()}"


def _count(key: str, window: int) -> int:
    try:
        return _increment(caches["shared"], key, window)
    except redis.RedisError as error:
        logger.warning("throttle_counts_locally", reason=type(error).__name__)
        return _increment(caches["default"], key, window)


def _increment(cache: BaseCache, key: str, window: int) -> int:
    cache.add(key, 0, timeout=window)
    try:
        return cache.incr(key)
    except ValueError:  # expired between the two
        return 1
