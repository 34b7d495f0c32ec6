"""How far a request came, and how long its parts took."""

from __future__ import annotations

import time

CONNECTING = "connecting"
RESOLVING = "resolving the host name"
SECURING = "agreeing on TLS"
WAITING = "waiting for the answer"
READING = "reading the answer"


class Timing:
    """Milliseconds. None where a part did not happen: a reused connection has neither DNS, connecting nor TLS."""

    __slots__ = ("connect_ms", "dns_ms", "first_byte_ms", "stage", "started", "tls_ms", "total_ms", "was_written")

    def __init__(self, total_ms: int = 0) -> None:
        self.started = time.perf_counter()
        self.stage = CONNECTING
        """What was being done, in words, when it ended."""
        self.total_ms = total_ms
        self.was_written = False
        """Whether a byte of the request may have gone out: until then it is certain that nobody got it."""
        self.dns_ms: int | None = None
        self.connect_ms: int | None = None
        self.tls_ms: int | None = None
        self.first_byte_ms: int | None = None

    def elapsed_ms(self) -> int:
        """Milliseconds since the request began."""
        return milliseconds_since(self.started)


def milliseconds_since(moment: float) -> int:
    """Milliseconds since `moment` (`time.perf_counter`), rounded."""
    return round((time.perf_counter() - moment) * 1000)
