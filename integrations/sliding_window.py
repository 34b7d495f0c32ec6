"""Counting requests in sliding windows: in Redis, for all processes together, several limits in one round trip.

Of each limit two counts are kept, of the current window and of the one before. The one before counts for as much of it
as the sliding window still covers: of 1,000 requests in the last hour's window 250 at a quarter to. A request counts
for all of its limits or, when one of them is used up, for none.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import redis
import structlog

from integrations.redis_script import RedisScript

logger = structlog.get_logger(__name__)

# Seconds. Redis answers in far less than a millisecond; while it does not, requests must not queue up behind it.
_TIMEOUT: Final = 0.25
_PAUSE: Final = 5.0
_LOG_PERIOD: Final = 60.0

# Redis' own clock, so that hosts with different ones agree. A clock that went back counts on in the stored window.
_TAKE: Final = """
local window, time = tonumber(ARGV[1]), redis.call('TIME')
local now = time[1] + time[2] / 1000000
local number = math.floor(now / window)
local elapsed = now - number * window
local answer, allowed = {0, math.floor(elapsed * 1000)}, true
for i, key in ipairs(KEYS) do
    local stored = redis.call('HMGET', key, 'window', 'current', 'previous')
    local behind = stored[1] and number - stored[1] or 2
    local current = behind <= 0 and tonumber(stored[2]) or 0
    local previous = behind <= 0 and tonumber(stored[3]) or behind == 1 and tonumber(stored[2]) or 0
    allowed = allowed and previous * (1 - elapsed / window) + current + 1 <= tonumber(ARGV[i + 1])
    answer[2 * i + 1], answer[2 * i + 2] = current, previous
end
if allowed then
    answer[1] = 1
    for i, key in ipairs(KEYS) do
        answer[2 * i + 1] = answer[2 * i + 1] + 1
        redis.call('HSET', key, 'window', number, 'current', answer[2 * i + 1], 'previous', answer[2 * i + 2])
        if answer[2 * i + 1] == 1 then
            redis.call('EXPIRE', key, 2 * window)
        end
    end
end
return answer
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` requests in a window. `name` is what people see, `key` where Redis counts."""

    name: str
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a limit is used: requests in this window and in the one before, `elapsed` seconds into this one."""

    limit: Limit
    current: int
    previous: int
    elapsed: float
    window: int

    @property
    def remaining(self) -> int:
        """How many requests may be made now."""
        return max(0, math.floor(self.limit.count - self._used(self.elapsed)))

    @property
    def is_used_up(self) -> bool:
        return self._used(self.elapsed) + 1 > self.limit.count

    @property
    def window_ends_in(self) -> int:
        """In how many seconds, rounded up, the next window begins."""
        return max(1, math.ceil(self.window - self.elapsed))

    @property
    def wait(self) -> int:
        """After how many seconds, rounded up, the next request may be made if nobody makes one until then."""
        if not self.is_used_up:
            return 0
        room = self.limit.count - 1 - self.current
        if room >= 0:  # in this window, when enough of the one before has slid out
            return max(1, math.ceil(self.window * (1 - room / self.previous) - self.elapsed))
        slid_out = 1 - (self.limit.count - 1) / self.current
        return max(1, math.ceil(self.window - self.elapsed + self.window * slid_out))

    def _used(self, elapsed: float) -> float:
        return self.previous * (1 - elapsed / self.window) + self.current


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether a request was counted, and where its limits stand."""

    allowed: bool
    standings: tuple[Standing, ...]


class SlidingWindow:
    """Counts in windows of `window` seconds. Every method may be called from any thread, and after a fork."""

    def __init__(self, url: str, *, window: int) -> None:
        self._window = window
        self._script = RedisScript(url, _TAKE, timeout=_TIMEOUT)
        self._outage = _Outage()

    def take(self, limits: Sequence[Limit]) -> Taken | None:
        """Count a request for all of the limits, or for none. None while Redis is away: then nothing is counted.

        An outage costs one request in 5 seconds a quarter of a second; the others do not ask.
        """
        if not self._outage.may_ask():
            return None
        try:
            answer = self._script.run(
                len(limits), *[limit.key for limit in limits], self._window, *[limit.count for limit in limits]
            )
        except redis.RedisError as error:
            self._outage.goes_on(error)
            return None
        self._outage.is_over()
        allowed, elapsed, *counts = answer
        standings = tuple(
            Standing(limit, current, previous, elapsed / 1000, self._window)
            for limit, current, previous in zip(limits, counts[::2], counts[1::2], strict=True)
        )
        return Taken(bool(allowed), standings)


class _Outage:
    """Remembers that Redis is away, so that few ask it, and that the log says it once a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ask_at: float | None = None
        self._log_at = 0.0  # of the monotonic clock

    def may_ask(self) -> bool:
        """Tell whether to ask Redis: always while it answers, during an outage one request in 5 seconds."""
        if self._ask_at is None:
            return True
        with self._lock:
            now = time.monotonic()
            if self._ask_at is not None and now < self._ask_at:
                return False
            self._ask_at = now + _PAUSE
            return True

    def goes_on(self, error: redis.RedisError) -> None:
        with self._lock:
            now = time.monotonic()
            self._ask_at = now + _PAUSE
            if now < self._log_at:
                return
            self._log_at = now + _LOG_PERIOD
        logger.warning("request_limits_suspended", reason=type(error).__name__)

    def is_over(self) -> None:
        if self._ask_at is None:
            return
        with self._lock:
            self._ask_at, self._log_at = None, 0.0
        logger.info("request_limits_resumed")
