"""How an endpoint is, to judge by its attempts: the circuit breaker, and since when nothing but failures. Pure.

In words: ten attempts in a row that found the endpoint down (no connection, no answer in time, 5xx) open the breaker
for 30 seconds, in which nothing is sent. Then it is half open: one delivery at a time probes. A probe that finds the
endpoint down again opens it for twice as long, up to 15 minutes; any other answer closes it. Waiting behind an open
breaker costs no attempt. What is kept of this (`Health`) stands in `webhook_runtime`, where every worker sees it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final

FAILURES_TO_OPEN: Final = 10
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=15)
# A webhook that had nothing but failures for so long is disabled.
DISABLE_AFTER: Final = timedelta(days=5)

# Nothing was sent, so nothing was learnt about the endpoint: these fail a delivery, but do not count for the breaker.
_NOT_SENT: Final = frozenset({"refused", "configuration"})
_INTERRUPTED: Final = "interrupted"


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Sign(Enum):
    """What one attempt says of the endpoint."""

    SUCCESS = "success"
    ALIVE = "alive"
    """It answered, though not with success: a client error, a redirect."""
    DOWN = "down"
    """No connection, no complete answer in time, or 5xx."""
    NOT_SENT = "not sent"
    """The attempt failed before anything was sent."""
    NONE = "none"
    """Signalbox itself cut the attempt off."""

    @property
    def is_failure(self) -> bool:
        return self in {Sign.ALIVE, Sign.DOWN, Sign.NOT_SENT}


@dataclass(frozen=True, slots=True)
class Health:
    """What is remembered. Times are aware.

    `consecutive_failures` counts up to the opening, `opened_count` the openings since the endpoint last answered;
    `open_until` is set while the breaker is open or half open; `failing_since` is the first failure after the last
    success.
    """

    consecutive_failures: int = 0
    opened_count: int = 0
    open_until: datetime | None = None
    failing_since: datetime | None = None

    def state(self, now: datetime) -> BreakerState:
        return breaker_state(self.open_until, now=now)

    def is_failing_for_good(self, now: datetime) -> bool:
        """Tell whether the webhook should be disabled."""
        return self.failing_since is not None and now - self.failing_since >= DISABLE_AFTER


def breaker_state(open_until: datetime | None, *, now: datetime) -> BreakerState:
    """Return the state of a breaker that was opened until then, None if it is closed."""
    if open_until is None:
        return BreakerState.CLOSED
    return BreakerState.OPEN if open_until > now else BreakerState.HALF_OPEN


def sign_of(*, status: int | None, error: str) -> Sign:
    """Return what an attempt says that ended with this status, or with this kind of a transport error."""
    if status is not None:
        if 200 <= status <= 299:
            return Sign.SUCCESS
        return Sign.DOWN if status >= 500 else Sign.ALIVE
    if error == _INTERRUPTED:
        return Sign.NONE
    return Sign.NOT_SENT if error in _NOT_SENT else Sign.DOWN


def pause_of(opened_count: int) -> timedelta:
    """Return how long the breaker stays open the `opened_count`-th time (from 1) in a row."""
    doublings = min(opened_count - 1, 10)  # far beyond the longest pause, and no overflow
    return min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)


def opened_at(open_until: datetime, opened_count: int) -> datetime:
    """Return the latest moment at which a breaker that has not closed since can have opened for the first time.

    It counts the pauses alone: while the breaker was half open and nothing was due, it was open for longer.
    """
    pauses = (pause_of(times) for times in range(1, min(opened_count, 10_000) + 1))
    return open_until - sum(pauses, timedelta(0))


def after(health: Health, sign: Sign, *, began_at: datetime, now: datetime) -> Health:
    """Return the health after an attempt that began at `began_at` and ended now; the same object if nothing changes.

    While the breaker is open, attempts that were on the wire when it opened still come back. They began before the
    opening and say nothing new when they failed; a success, or another answer, closes it whenever it comes.
    """
    match sign:
        case Sign.NONE:
            return health
        case Sign.SUCCESS:
            return health if health == Health() else Health()
    if health.failing_since is None:
        health = replace(health, failing_since=now)
    match sign:
        case Sign.ALIVE if health.consecutive_failures or health.open_until is not None:
            return Health(failing_since=health.failing_since)
        case Sign.DOWN:
            return _after_down(health, began_at=began_at, now=now)
    return health


def _after_down(health: Health, *, began_at: datetime, now: datetime) -> Health:
    if health.open_until is None:
        down = health.consecutive_failures + 1
        return replace(health, consecutive_failures=down) if down < FAILURES_TO_OPEN else _opened(health, now)
    opened_at = health.open_until - pause_of(health.opened_count)
    if health.open_until > now or began_at < opened_at:
        return health
    return _opened(health, now)


def _opened(health: Health, now: datetime) -> Health:
    times = health.opened_count + 1
    return replace(health, consecutive_failures=FAILURES_TO_OPEN, opened_count=times, open_until=now + pause_of(times))
