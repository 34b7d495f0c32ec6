"""How often refresh tokens may be exchanged from one address. What limits log-ins is `lockout`."""

from __future__ import annotations

import time

import redis
import structlog
from django.core.cache import BaseCache, caches
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

logger = structlog.get_logger(__name__)

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class RefreshThrottle(BaseThrottle):
    """Count exchanges per address, right or wrong, in fixed windows (`DEFAULT_THROTTLE_RATES["token_refresh"]`).

    It spares the database, and protects no secret: nobody guesses a refresh token. So while Redis is away each process
    counts by itself, and people stay logged in.
    """

    _wait: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        allowed, _, period = str(api_settings.DEFAULT_THROTTLE_RATES["token_refresh"]).partition("/")
        window = _SECONDS[period]
        now = time.time()
        address = getattr(request, "client_address", None) or "unknown"
        self._wait = window - now % window
        return _count(f"token-refresh:{address}:{int(now // window)}", window) <= int(allowed)

    def wait(self) -> float | None:
        return self._wait


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
