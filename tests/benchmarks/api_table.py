"""How figures of requests are shown: how many a second, how long one takes, and what row-level security costs of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tests.benchmarks.report import Bar, judged, number, ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    headings: ClassVar = ("what", "a second", "p50", "p99", "× without row-level security", "bar", "held")
    alignment: ClassVar = "|---|---:|---:|---:|---:|---|---|"
    what: str
    per_second: float
    middle_ms: float
    high_ms: float
    ratio_to_unscoped: float | None = None
    """Of the requests a second."""
    bars: tuple[tuple[Bar, float, str], ...] = ()

    def cells(self) -> tuple[str, ...]:
        times = (_time(self.middle_ms), _time(self.high_ms))
        return self.what, number(self.per_second), *times, ratio(self.ratio_to_unscoped), *judged(self.bars)


def _time(milliseconds: float) -> str:
    return f"{number(milliseconds)} ms" if milliseconds >= 1 else f"{number(milliseconds * 1000)} µs"
