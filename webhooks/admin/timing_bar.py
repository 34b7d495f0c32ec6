"""Where the time of one attempt went, as an inline SVG: a bar with its parts in their order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from analytics.recording import WebhookCall

_WIDTH: Final = 480
_HEIGHT: Final = 14
_LEAST: Final = 2  # of a part that took no time worth a pixel


def timing_bar(call: WebhookCall, *, longest_ms: int) -> SafeString:
    """Draw an attempt beside the longest one of its delivery, so that they can be compared."""
    scale = _WIDTH / max(longest_ms, 1)
    parts = list(timing_parts(call))
    return format_html(
        '<svg class="timing-bar" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}</svg>',
        timing_label(call),
        _WIDTH,
        _HEIGHT,
        _WIDTH,
        _HEIGHT,
        format_html_join("", "{}", ((part,) for part in _rectangles(parts, scale))),
    )


def timing_label(call: WebhookCall) -> str:
    """Say the same in words."""
    return ", ".join(f"{name} {milliseconds} ms" for name, milliseconds in timing_parts(call))


def timing_parts(call: WebhookCall) -> Iterator[tuple[str, int]]:
    """Yield the parts that happened with their milliseconds; together they are the whole response time."""
    known = [("DNS", call.dns_ms), ("connect", call.connect_ms), ("TLS", call.tls_ms)]
    spent = 0
    for name, milliseconds in known:
        if milliseconds is not None:
            spent += milliseconds
            yield name, milliseconds
    if call.first_byte_ms is None:
        yield "no answer", max(call.response_time_ms - spent, 0)
        return
    yield "waiting", max(call.first_byte_ms - spent, 0)
    yield "reading", max(call.response_time_ms - max(call.first_byte_ms, spent), 0)


def _rectangles(parts: list[tuple[str, int]], scale: float) -> Iterator[SafeString]:
    left = 0.0
    for name, milliseconds in parts:
        width = max(milliseconds * scale, _LEAST)
        yield format_html(
            '<rect class="timing-{}" x="{}" y="0" width="{}" height="{}"><title>{} {} ms</title></rect>',
            name.lower().replace(" ", "-"),
            f"{left:.1f}",
            f"{width:.1f}",
            _HEIGHT,
            name,
            milliseconds,
        )
        left += width
