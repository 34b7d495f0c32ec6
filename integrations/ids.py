"""UUIDv7 identifiers (RFC 9562, section 5.7), made in Python.

Ids sort by the millisecond in which they were made, so that the newest rows of a table lie together and a
day's rows form a range. Id order is nearly time order, never commit order: page by it, but do not use it as
a high-water mark.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_SUB_MILLISECOND_STEPS = 1 << 12
_RANDOM_MASK = (1 << 62) - 1
_DRAWN_AT_ONCE = 256


def uuid7() -> UUID:
    """Return a new id; its 12 bits after the version hold the fraction of the millisecond (RFC 9562, method 3)."""
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * _SUB_MILLISECOND_STEPS // 1_000_000
    random_bits = _random_bits()
    return UUID(int=(milliseconds << 80) | _VERSION | (fraction << 64) | _VARIANT | random_bits)


def uuid7_floor(moment: datetime) -> UUID:
    """Return the smallest id that can have been made at `moment` (an aware datetime): a bound for id ranges."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=(milliseconds << 80) | _VERSION | _VARIANT)


def uuid7_time(identifier: UUID) -> datetime:
    """Return the moment, in UTC and to the millisecond, in which a UUIDv7 was made."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, tz=UTC)


class _Randomness(threading.local):
    """Random numbers drawn from the operating system in bulk: a system call for each id costs more than the id."""

    drawn: Iterator[int] = iter(())


_randomness = _Randomness()


def _random_bits() -> int:
    for number in _randomness.drawn:
        return number
    raw = os.urandom(8 * _DRAWN_AT_ONCE)
    numbers = (int.from_bytes(raw[at : at + 8], "big") & _RANDOM_MASK for at in range(0, len(raw), 8))
    _randomness.drawn = iter(list(numbers))
    return next(_randomness.drawn)


def _forget_drawn() -> None:
    _randomness.drawn = iter(())


# A forked child must not use up its parent's numbers a second time. It has only the thread that forked.
os.register_at_fork(after_in_child=_forget_drawn)
