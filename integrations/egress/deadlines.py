"""One timer for the deadlines of all requests: setting and clearing a timer for each costs more than it is worth."""

from __future__ import annotations

import asyncio
from typing import Protocol

# Deadlines are kept to within this. All that are pending are looked through: some hundreds, for microseconds.
PRECISION_SECONDS = 0.05


class Expiring(Protocol):
    def expire(self) -> None:
        """Give up: the time is over."""


class Deadlines:
    """Used within one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pending: dict[Expiring, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, pending: Expiring, ends_at: float) -> None:
        """Call `pending.expire()` soon after `ends_at` (the loop's time), unless told to `forget` it before."""
        self._pending[pending] = ends_at
        if self._timer is None:
            self._timer = self._loop.call_later(PRECISION_SECONDS, self._look)

    def forget(self, pending: Expiring) -> None:
        self._pending.pop(pending, None)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        for over in [pending for pending, ends_at in self._pending.items() if ends_at <= now]:
            del self._pending[over]
            over.expire()
        self._timer = self._loop.call_later(PRECISION_SECONDS, self._look) if self._pending else None
