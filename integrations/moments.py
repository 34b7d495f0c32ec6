"""Reading moments from text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

# Ids hold a moment in 48 bits of milliseconds, and zone arithmetic overflows at the ends of the calendar.
_YEARS: Final = range(2000, 3000)


def read_moment(text: str) -> datetime:
    """Return the moment, in UTC, that ISO 8601 text with a zone names. Raises ValueError with the way out."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "Give an ISO 8601 time with its zone, such as 2026-01-31T14:00:00Z (in an address, write + as %2B)."
        ) from None
    if moment.tzinfo is None:
        raise ValueError("Give the zone too, such as 2026-01-31T14:00:00Z.")
    if moment.year not in _YEARS:
        raise ValueError(f"Give a time between the years {_YEARS.start} and {_YEARS.stop}.")
    return moment.astimezone(UTC)
