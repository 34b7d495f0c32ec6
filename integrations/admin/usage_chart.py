"""A key's use in the last two days as an inline SVG: a bar for each hour, its errors in another colour at the foot."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from integrations.api_keys.queries import HourOfUse, Usage
from integrations.counting import counted

_HEIGHT = 60
_BAR, _GAP = 12, 3


def usage_chart(usage: Usage) -> SafeString:
    """Draw every hour of the period; one without a request keeps its place. Colours are the admin's, by class."""
    known = {hour.hour: hour for hour in usage.hours}
    hours = _hours_between(usage.start, usage.end)
    most = max((hour.requests for hour in usage.hours), default=0) or 1
    bars = format_html_join(
        "", "{}", ((_bar(at, known.get(moment, HourOfUse(moment, 0, 0)), most),) for at, moment in enumerate(hours))
    )
    label = f"{counted(usage.requests, 'request')}, {usage.errors} of them errors, over {counted(len(hours), 'hour')}"
    return format_html(
        '<svg class="usage-chart" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}</svg>',
        label,
        width := len(hours) * (_BAR + _GAP),
        _HEIGHT,
        width,
        _HEIGHT,
        bars,
    )


def _hours_between(start: datetime, end: datetime) -> list[datetime]:
    return [start + timedelta(hours=number) for number in range(int((end - start) / timedelta(hours=1)))]


def _bar(at: int, hour: HourOfUse, most: int) -> SafeString:
    whole = max(round(_HEIGHT * hour.requests / most), 2) if hour.requests else 0
    errors = min(whole, max(round(_HEIGHT * hour.errors / most), 2)) if hour.errors else 0
    left = at * (_BAR + _GAP)
    title = f"{hour.hour:%Y-%m-%d %H}h UTC: {hour.requests} requests, {hour.errors} errors"
    return format_html(
        "<g><title>{}</title>{}{}</g>", title, _rect("requests", left, whole), _rect("errors", left, errors)
    )


def _rect(kind: str, left: int, height: int) -> SafeString:
    return format_html(
        '<rect class="usage-{}" x="{}" y="{}" width="{}" height="{}"/>', kind, left, _HEIGHT - height, _BAR, height
    )
