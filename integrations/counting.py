"""Numbers with their nouns, for sentences that people read."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 hour`, `0 hours`, `2 people`: `many` is the plural where it does not just end in s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
