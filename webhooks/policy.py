"""What follows from one attempt: success, another try at a certain time, or the end. Pure: no Django, no clock, no I/O.

In words: 2xx is success. Every other answer and every transport error is a failure and is tried again on the
webhook's schedule, except that 4xx is final (but 408, 425 and 429 where the webhook retries client errors) and that
410 also disables the webhook. 429, 502, 503 and 504 may ask for a longer pause with Retry-After. An attempt that
Signalbox itself interrupted costs nothing: it is repeated at once and its retry is not used up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE

# Seconds between the attempts of one run. `quick` is used by synchronous calls and tests.
SCHEDULES: Final[dict[str, tuple[float, ...]]] = {
    "quick": (1.0, 2.0, 3.0),
    "durable": (
        *(1.0, 2.0, 3.0),
        *(5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR),
    ),
}
# A delay is stretched by up to this share, never shortened, so that deliveries that failed together spread out.
JITTER: Final = 0.2
RETRY_AFTER_STATUSES: Final = frozenset({429, 502, 503, 504})
RETRY_AFTER_CAP: Final = HOUR
RETRIED_CLIENT_ERRORS: Final = frozenset({408, 425, 429})
GONE: Final = 410
# What no retry can heal. (A refused address is not among them: a name may lead elsewhere tomorrow.)
FINAL_ERRORS: Final = frozenset({"configuration"})
INTERRUPTED: Final = "interrupted"


class Next(StrEnum):
    """What becomes of the delivery."""

    SUCCEEDED = "succeeded"
    RETRYING = "retrying"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It may have arrived, and must not be sent again. Never the outcome of `decide`: webhooks may come twice."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended: with a status code, or with the kind of a transport error (an `ErrorKind` value).

    `retry_after` is what the endpoint asked for, in seconds from now.
    """

    status: int | None = None
    error: str = ""
    retry_after: float | None = None

    def __post_init__(self) -> None:
        if (self.status is None) == (not self.error):
            raise ValueError("An outcome has either a status or an error.")

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status <= 299


@dataclass(frozen=True, slots=True)
class Rules:
    """A delivery's own rules. `max_retries` cuts the schedule short; None means the whole of it."""

    schedule: Sequence[float]
    max_retries: int | None = None
    retry_client_errors: bool = True

    @property
    def retries(self) -> int:
        """How often an attempt is repeated at most."""
        whole = len(self.schedule)
        return whole if self.max_retries is None else max(0, min(whole, self.max_retries))


@dataclass(frozen=True, slots=True)
class Decision:
    """`delay` (seconds) is set exactly when the delivery is tried again; `costs_attempt` is False if it was no fair try."""

    next: Next
    delay: float | None = None
    costs_attempt: bool = True
    disables_webhook: bool = False

    @property
    def is_final(self) -> bool:
        return self.next is not Next.RETRYING


def decide(outcome: Outcome, *, attempt: int, rules: Rules, chance: float) -> Decision:
    """Return what follows from the `attempt`-th attempt (from 1) of a run; `chance` is uniform in [0, 1)."""
    if outcome.is_success:
        return Decision(Next.SUCCEEDED)
    if outcome.error == INTERRUPTED:
        return Decision(Next.RETRYING, delay=0.0, costs_attempt=False)
    if not _may_retry(outcome, rules) or attempt > rules.retries:
        return Decision(Next.FAILED, disables_webhook=outcome.status == GONE)
    delay = rules.schedule[attempt - 1] * (1 + JITTER * chance)
    if outcome.status in RETRY_AFTER_STATUSES and outcome.retry_after is not None:
        delay = max(delay, min(outcome.retry_after, RETRY_AFTER_CAP))
    return Decision(Next.RETRYING, delay=delay)


def _may_retry(outcome: Outcome, rules: Rules) -> bool:
    if outcome.status is None:
        return outcome.error not in FINAL_ERRORS
    if 400 <= outcome.status <= 499:
        return rules.retry_client_errors and outcome.status in RETRIED_CLIENT_ERRORS
    return True


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return a Retry-After header (RFC 9110, section 10.2.3) in seconds from `now` (aware), None if it says nothing.

    A number of seconds or an HTTP date; what is past or malformed says nothing.
    """
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        # Longer numbers than any cap need no parsing, and int() refuses very long ones.
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - now).total_seconds()
    return seconds if seconds > 0 else None
