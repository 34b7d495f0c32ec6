"""Numbers as the dashboards write them: grouped, with a unit that fits, never with more digits than say something."""

from __future__ import annotations

from typing import Final

from django.utils.safestring import SafeString

from integrations.admin.badges import Tone, badge

NOTHING: Final = "–"
_GOOD_FROM, _WARNING_FROM = 95, 80


def whole(number: int) -> str:
    return f"{number:,}"


def duration(milliseconds: float | None) -> str:
    """Return `84 ms`, and from a second on `1.24 s` or `12.4 s`."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def percent(part: int, total: int) -> str:
    """Return the share, cut and not rounded: `100.0 %` says that none is missing."""
    if not total:
        return NOTHING
    tenths = part * 1000 // total
    return f"{tenths // 10}.{tenths % 10} %"


def success_rate_badge(succeeded: int, total: int) -> SafeString | None:
    """Return the rate as a badge: green from 95 %, amber from 80 %, red below; nothing where nothing was called."""
    if not total:
        return None
    tone: Tone = "good" if succeeded * 100 >= _GOOD_FROM * total else "bad"
    if tone == "bad" and succeeded * 100 >= _WARNING_FROM * total:
        tone = "warning"
    return badge(percent(succeeded, total), tone)


def change(now: int, before: int) -> str:
    """Return how many more or fewer there are than before, in words that need no colour; nothing to compare: nothing.

    Below a tenth it is no news, and spans are whole hours: the present one is not over.
    """
    if not before:
        return ""
    ratio = round(100 * (now - before) / before)
    if abs(ratio) < 10:
        return "about as many as before"
    if ratio >= 200:
        times = now / before
        return f"{times:.1f} × the number before" if times < 10 else "many times more than before"
    return f"{abs(ratio)} % {'more' if ratio > 0 else 'fewer'} than before"
