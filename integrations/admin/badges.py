"""Small labels for states. The text carries the meaning; colours, from the admin's variables, only repeat it."""

from __future__ import annotations

from typing import Literal

from django.utils.html import format_html
from django.utils.safestring import SafeString

Tone = Literal["good", "warning", "bad", "neutral"]


def badge(text: str, tone: Tone) -> SafeString:
    return format_html('<span class="badge badge-{}">{}</span>', tone, text)


def active_badge(is_active: bool) -> SafeString:
    return badge("active", "good") if is_active else badge("inactive", "neutral")
