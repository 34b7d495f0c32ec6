"""What the charts draw, as plain data: labels for the axis, titles for the tooltip, and series by the name of a colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from analytics.dashboard.selection import Range
from analytics.figures import Figures
from analytics.outcomes import OutcomeClass
from analytics.timeseries import Bucket, Series

# Which points of a range have a label on the axis, and how it is written: few enough for a narrow screen.
_LABELS: Final[Mapping[str, tuple[str, Callable[[datetime], bool]]]] = {
    "1h": ("%H:%M", lambda start: start.minute % 10 == 0),
    "24h": ("%H:%M", lambda start: start.hour % 4 == 0),
    "7d": ("%a", lambda start: start.hour == 0),
    "30d": ("%-d %b", lambda start: start.toordinal() % 5 == 0),
}
# Dashes tell the lines apart without colours.
_PERCENTILES: Final[Mapping[str, list[int]]] = {"p50": [], "p95": [8, 4], "p99": [2, 3]}


def traffic(series: Series, chosen: Range) -> dict[str, Any]:
    """Return calls and failures over time."""
    figures = [bucket.figures for bucket in series.buckets]
    calls, failed = sum(each.calls for each in figures), sum(each.failed for each in figures)
    return {
        **_over_time(series, chosen),
        "unit": "calls",
        "is_empty": not calls,
        "description": f"Calls and failures in {chosen.words}: {calls:,} calls, {failed:,} of them failed.",
        "series": [
            {"label": "Calls", "color": "calls", "values": [each.calls for each in figures]},
            {"label": "Failed", "color": "failed", "values": [each.failed for each in figures]},
        ],
    }


def latency(series: Series, chosen: Range) -> dict[str, Any]:
    """Return the percentiles of response times; where nothing was sent the lines have a gap."""
    figures = [bucket.figures for bucket in series.buckets]
    return {
        **_over_time(series, chosen),
        "unit": "ms",
        "is_empty": not any(each.attempts for each in figures),
        "description": f"Response times in {chosen.words}: the median, the 95th and the 99th percentile.",
        "series": [
            {
                "label": name,
                "color": name,
                "dash": dash,
                "values": [_on_a_log_scale(getattr(each, name)) for each in figures],
            }
            for name, dash in _PERCENTILES.items()
        ],
    }


def outcomes(named: Sequence[tuple[str, Figures]]) -> dict[str, Any]:
    """Return a bar for each name, its requests by what became of them. Classes that do not occur take no colour."""
    names = [name for name, _ in named]
    requests = sum(figures.attempts for _, figures in named)
    series: list[dict[str, Any]] = [
        {
            "label": str(outcome.label),
            "color": outcome.value,
            "values": [figures.outcomes[outcome] for _, figures in named],
        }
        for outcome in OutcomeClass
    ]
    return {
        "labels": names,
        "titles": names,
        "unit": "calls",
        "is_empty": not requests,
        "description": f"What became of {requests:,} requests, by name: {', '.join(names)}.",
        "series": [each for each in series if any(each["values"])],
    }


def span_in_words(bucket: Bucket, step: timedelta) -> str:
    """Return the span of a point, as tooltips and tables write it."""
    if step >= timedelta(days=1):
        return f"{bucket.start:%a %-d %b %Y}"
    if step <= timedelta(minutes=1):
        return f"{bucket.start:%a %-d %b, %H:%M}"
    return f"{bucket.start:%a %-d %b, %H:%M} to {bucket.end:%H:%M}"


def _on_a_log_scale(milliseconds: int | None) -> int | None:
    """Return at least 1, since nothing has a place for 0."""
    return milliseconds if milliseconds is None else max(milliseconds, 1)


def _over_time(series: Series, chosen: Range) -> dict[str, Any]:
    form, is_labelled = _LABELS[chosen.name]
    titles = [f"{span_in_words(bucket, series.step)} UTC" for bucket in series.buckets]
    first = series.buckets[0]
    starts_late = first.end - first.start < series.step
    return {
        "labels": [bucket.start.strftime(form) if is_labelled(bucket.start) else "" for bucket in series.buckets],
        "titles": [f"{titles[0]}, in part" if starts_late else titles[0], *titles[1:-1], f"{titles[-1]}, so far"],
        "starts_late": starts_late,
    }
