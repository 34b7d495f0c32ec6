"""How fast the API has answered lately, over all web processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from integrations.process_metrics import UPPER_BOUNDS_SECONDS


@dataclass(frozen=True, slots=True)
class ApiLatency:
    """`p95_seconds` is what 95 % of `requests` did not exceed; None when there was none."""

    requests: int
    p95_seconds: float | None


def api_latency_p95(minutes: int = 5) -> ApiLatency:
    """Return the 95th percentile of the API requests that ended in the last `minutes`, a few seconds late.

    Without the time that a caller asked to wait for a delivery's end. Estimated within buckets: it lies on the same
    side of each bucket's bound (1 s is one) as the exact figure.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT histogram FROM config_requestminute"
            " WHERE minute >= date_trunc('minute', now()) - make_interval(mins => %s)",
            [minutes - 1],
        )
        histograms = [row[0] for row in cursor.fetchall()]
    histogram = [sum(counts) for counts in zip(*histograms, strict=True)]
    return ApiLatency(requests=sum(histogram), p95_seconds=percentile(histogram, 95))


def percentile(histogram: Sequence[int], percent: int) -> float | None:
    """Return the nearest-rank percentile in seconds, interpolated within its bucket; None if nothing was counted."""
    total = sum(histogram)
    if not total:
        return None
    rank = max(1, -(-percent * total // 100))
    lower, counted = 0.0, 0
    for upper, count in zip(UPPER_BOUNDS_SECONDS, histogram, strict=True):
        if counted + count >= rank:
            bounded = upper if upper != float("inf") else 2 * lower
            return lower + (bounded - lower) * (rank - counted) / count
        counted += count
        lower = upper
    raise AssertionError("unreachable")
