"""Histograms of response times: counts in fixed buckets that can be added up, from which percentiles are read.

A histogram is a list of `len(UPPER_BOUNDS_MS)` counts. Bucket i holds the whole milliseconds above the bound before
it, up to and including its own; the first one also holds 0, the last one everything above (no attempt may take
longer than 60 s, but a clock is read a little later). Stored histograms have no version: never change the bounds
without a migration that rewrites them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

# Roughly logarithmic: each bound is 1.25 to 2 times the one before, so an estimate is never further off than that.
UPPER_BOUNDS_MS: Final = (
    *(1, 2, 3, 5, 8),
    *(12, 20, 30, 50, 80),
    *(120, 200, 300, 500, 800),
    *(1_200, 2_000, 3_000, 5_000, 8_000),
    *(12_000, 20_000, 30_000, 60_000),
)
BUCKETS: Final = len(UPPER_BOUNDS_MS)


def empty_histogram() -> list[int]:
    """Return a histogram that has counted nothing."""
    return [0] * BUCKETS


def bucket_of(milliseconds: int) -> int:
    """Return the index of the bucket that counts a response time."""
    return min(bisect_left(UPPER_BOUNDS_MS, milliseconds), BUCKETS - 1)


def histogram_of(response_times_ms: Iterable[int]) -> list[int]:
    """Count response times."""
    histogram = empty_histogram()
    for milliseconds in response_times_ms:
        histogram[bucket_of(milliseconds)] += 1
    return histogram


def percentile(histogram: Sequence[int], percent: int) -> int | None:
    """Return the response time, in ms, that `percent` (0 to 100) of the counted ones do not exceed; None if empty.

    It is the nearest-rank percentile, interpolated within its bucket: a whole millisecond that lies in the same
    bucket as the exact one.
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"percent must be between 0 and 100, not {percent}")
    rank = max(1, -(-percent * sum(histogram) // 100))
    lower = counted = 0
    for upper, count in zip(UPPER_BOUNDS_MS, histogram, strict=True):
        if counted + count >= rank:
            return lower - (-(upper - lower) * (rank - counted) // count)
        counted += count
        lower = upper
    return None
