"""How people write phone numbers, and the one form in which they are stored: E.164 with its plus sign."""

from __future__ import annotations

import re

E164 = r"\+[1-9][0-9]{1,14}"
_SEPARATORS = re.compile(r"[\s().\u2010-\u2015-]")


def as_e164(text: str) -> str:
    """Return `+16505551234` for `+1 (650) 555-1234` and for `16505551234`; other text comes back unchanged."""
    compact = _SEPARATORS.sub("", text)
    if re.fullmatch(r"\+?[1-9][0-9]*", compact):
        return "+" + compact.removeprefix("+")
    return text


def as_sender(text: str) -> str:
    """Return a number with its plus sign as E.164; short codes and alphanumeric senders come back unchanged."""
    return as_e164(text) if text.startswith("+") else text
