"""Calls over a period as a line in a table's cell: an inline SVG, failures at its foot. Colours come by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

_WIDTH: Final = 120
_HEIGHT: Final = 24
_FOOT: Final = _HEIGHT - 1.5  # half of the line's width stays inside
_BAR: Final = 0.6  # of a place's width


def sparkline(calls: Sequence[int], failed: Sequence[int]) -> SafeString:
    """Draw one point for each span of the period; `failed` are bars on the same scale, at least a sliver high."""
    most = max(calls, default=0)
    step = _WIDTH / max(len(calls), 1)
    points = [(step * (at + 0.5), _FOOT - (_FOOT - 2) * number / (most or 1)) for at, number in enumerate(calls)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    area = f"{step / 2:.1f},{_HEIGHT} {line} {_WIDTH - step / 2:.1f},{_HEIGHT}"
    bars = "".join(
        f"M{step * (at + (1 - _BAR) / 2):.1f} {_HEIGHT}v-{max(2.0, (_FOOT - 2) * number / (most or 1)):.1f}"
        f"h{step * _BAR:.1f}V{_HEIGHT}z"
        for at, number in enumerate(failed)
        if number
    )
    return format_html(
        '<svg class="sparkline" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">'
        '<polygon class="sparkline-area" points="{}"/><polyline class="sparkline-line" points="{}"/>'
        '<path class="sparkline-failed" d="{}"/></svg>',
        f"{sum(calls):,} calls, {sum(failed):,} failed, at most {most:,} at a time",
        _WIDTH,
        _HEIGHT,
        _WIDTH,
        _HEIGHT,
        area,
        line,
        bars,
    )
