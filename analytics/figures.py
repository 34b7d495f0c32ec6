"""What rows of sums add up to: counts, rates and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Sum

from analytics.histogram import BUCKETS, percentile
from analytics.outcomes import OutcomeClass

_COUNTS: Final = ("calls", "succeeded", "failed", "attempts", "response_time_ms_sum", *OutcomeClass.values)
_BUCKETS: Final = tuple(f"histogram__{number}" for number in range(BUCKETS))
# For `aggregate` and for `annotate` after `values`; `figures_of` reads what comes out.
SUMS: Final[Mapping[str, Sum]] = {f"sum_{name}": Sum(name, default=0) for name in (*_COUNTS, *_BUCKETS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums over a span. Calls are finished runs of deliveries; times and outcomes are those of attempts.

    What has no attempts has no times.
    """

    calls: int
    succeeded: int
    failed: int
    attempts: int
    average_response_time_ms: float | None
    p50: int | None
    """Percentiles are estimates from the histogram, in ms: they lie in the same bucket as the exact ones."""
    p95: int | None
    p99: int | None
    outcomes: Mapping[OutcomeClass, int]
    """Every class is named; together they are the attempts."""

    @property
    def success_rate(self) -> float | None:
        """In percent, cut to two decimals: 100 means that every call succeeded. None without calls."""
        return self.succeeded * 10_000 // self.calls / 100 if self.calls else None


def figures_of(row: Mapping[str, Any]) -> Figures:
    """Return what a row of `SUMS` says. PostgreSQL sums bigints as numeric."""
    counts = {name: int(row[f"sum_{name}"]) for name in _COUNTS}
    histogram = [int(row[f"sum_{name}"]) for name in _BUCKETS]
    attempts = counts["attempts"]
    return Figures(
        calls=counts["calls"],
        succeeded=counts["succeeded"],
        failed=counts["failed"],
        attempts=attempts,
        average_response_time_ms=round(counts["response_time_ms_sum"] / attempts, 1) if attempts else None,
        p50=percentile(histogram, 50),
        p95=percentile(histogram, 95),
        p99=percentile(histogram, 99),
        outcomes={outcome: counts[outcome.value] for outcome in OutcomeClass},
    )


def _nothing() -> Figures:
    return figures_of(dict.fromkeys(SUMS, 0))


NOTHING: Final = _nothing()
