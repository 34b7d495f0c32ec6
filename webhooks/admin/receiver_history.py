"""What a receiver has received, drawn on the server: a chart by day, the same as a table, the latest requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from integrations.admin.badges import Tone, badge
from webhooks.models import InboundOutcome, InboundRequest, InboundState
from webhooks.receiver_queries import REFUSED, DayOfReceiving

_HEIGHT: Final = 72
_BAR: Final = 16
_GAP: Final = 4
# Drawn from the bottom up, each in its own colour.
_LAYERS: Final = (
    ("accepted", (InboundOutcome.ACCEPTED,)),
    ("repeated", (InboundOutcome.DUPLICATE, InboundOutcome.IGNORED)),
    ("refused", REFUSED),
)
_TONES: Final[dict[str, Tone]] = {
    InboundState.PUBLISHED: "good",
    InboundState.REFUSED: "bad",
    InboundState.STORED: "warning",
}
_EVENTS_SHOWN: Final = 3


def receiving_chart(days: Sequence[DayOfReceiving]) -> SafeString:
    """Draw every day with its accepted, repeated or ignored, and refused requests."""
    sums = [[day.sum_of(outcomes) for _, outcomes in _LAYERS] for day in days]
    most = max((sum(parts) for parts in sums), default=0) or 1
    bars = format_html_join("", "{}", ((_bar(at, day, sums[at], most),) for at, day in enumerate(days)))
    totals = [sum(parts[layer] for parts in sums) for layer in range(len(_LAYERS))]
    label = "{} accepted, {} repeated or ignored, {} refused, over {} days".format(*totals, len(days))
    width = len(days) * (_BAR + _GAP)
    return format_html(
        '<svg class="usage-chart" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}</svg>'
        '<p class="receiving-key" aria-hidden="true"><span class="receiving-accepted">accepted</span> '
        '<span class="receiving-repeated">repeated or ignored</span> <span class="receiving-refused">refused</span></p>',
        label,
        width,
        _HEIGHT,
        width,
        _HEIGHT,
        bars,
    )


def receiving_table(days: Sequence[DayOfReceiving]) -> SafeString:
    """Return the days on which something came, the latest first, with a column for each outcome that occurred."""
    occurred = [outcome for outcome in InboundOutcome if any(outcome in day.outcomes for day in days)]
    if not occurred:
        return format_html("<p>{}</p>", "Nothing was received in the last 30 days.")
    head = format_html_join("", '<th scope="col">{}</th>', ((outcome.label,) for outcome in occurred))
    total = _cells(sum(day.outcomes.get(outcome, 0) for day in days) for outcome in occurred)
    rows = format_html_join(
        "",
        "<tr><td>{}</td>{}</tr>",
        (
            (day.day.isoformat(), _cells(day.outcomes.get(outcome, 0) for outcome in occurred))
            for day in reversed(days)
            if day.outcomes
        ),
    )
    return format_html(
        '<div class="bounded"><table><thead><tr><th scope="col">Day (UTC)</th>{}</tr></thead>'
        '<tbody><tr class="together"><th scope="row">Together</th>{}</tr>{}</tbody></table></div>',
        head,
        total,
        rows,
    )


def requests_table(requests: Sequence[InboundRequest]) -> SafeString:
    """Return requests that proved themselves, with what became of each; their bodies are in the events."""
    if not requests:
        return format_html("<p>{}</p>", "Nothing genuine came in the last seven days.")
    rows = format_html_join(
        "",
        '<tr><td class="nowrap">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>',
        (
            (
                f"{request.received_at:%Y-%m-%d %H:%M:%S} UTC",
                badge(InboundState(request.state).label.lower(), _TONES.get(request.state, "neutral")),
                request.detail or "–",
                _events(request.event_ids),
            )
            for request in requests
        ),
    )
    return format_html(
        '<div class="bounded"><table><thead><tr><th scope="col">Received</th><th scope="col">State</th>'
        '<th scope="col">Why</th><th scope="col">Deliveries of its events</th></tr></thead><tbody>{}</tbody></table></div>',
        rows,
    )


def _events(event_ids: Sequence[str]) -> SafeString:
    if not event_ids:
        return format_html("{}", "–")
    address = reverse("admin:webhooks_delivery_changelist")
    links = format_html_join(
        " ",
        '<a class="mono" href="{}?event_id={}">{}…</a>',
        ((address, event_id, event_id[:13]) for event_id in event_ids[:_EVENTS_SHOWN]),
    )
    more = len(event_ids) - _EVENTS_SHOWN
    return format_html("{} and {} more", links, more) if more > 0 else links


def _bar(at: int, day: DayOfReceiving, parts: Sequence[int], most: int) -> SafeString:
    title = f"{day.day.isoformat()}: {parts[0]} accepted, {parts[1]} repeated or ignored, {parts[2]} refused"
    left, top = at * (_BAR + _GAP), float(_HEIGHT)
    drawn = []
    for (name, _), requests in zip(_LAYERS, parts, strict=True):
        height = max(_HEIGHT * requests / most, 2.0) if requests else 0.0
        top = max(top - height, 0.0)
        drawn.append((name, left, f"{top:.1f}", _BAR, f"{height:.1f}"))
    rectangles = format_html_join("", '<rect class="receiving-{}" x="{}" y="{}" width="{}" height="{}"/>', drawn)
    return format_html("<g><title>{}</title>{}</g>", title, rectangles)


def _cells(numbers: Iterable[int]) -> SafeString:
    return format_html_join("", '<td class="number">{}</td>', ((f"{number:,}",) for number in numbers))
