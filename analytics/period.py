"""The span of time that a summary or a list covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, Self

from django.utils import timezone

from integrations.errors import InvalidInputError

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DEFAULT_SPAN: Final = timedelta(days=30)
LONGEST_SPAN: Final = timedelta(days=400)
# The spans that have a name, each ending now.
RANGES: Final[Mapping[str, timedelta]] = MappingProxyType(
    {"1h": HOUR, "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
)
_MIDNIGHT: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (included) to `end` (excluded), both aware."""

    start: datetime
    end: datetime

    @classmethod
    def requested(cls, *, start: datetime | None, end: datetime | None) -> Self:
        """Fill in what was left out: the end is now, the start 30 days before the end.

        Raises InvalidInputError, naming `from` or `to`, when the span is empty, reversed or longer than 400 days.
        """
        end_or_now = end or timezone.now()
        first = start or end_or_now - DEFAULT_SPAN
        if first >= end_or_now:
            raise InvalidInputError(
                {"to": ["This must be later than `from`."]} if end else {"from": ["This must lie in the past."]}
            )
        if end_or_now - first > LONGEST_SPAN:
            raise InvalidInputError({"from": [f"A period has at most {LONGEST_SPAN.days} days: begin later."]})
        return cls(first, end_or_now)

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the span of `RANGES` with this name, ending now. Raises InvalidInputError, naming `range`."""
        if name not in RANGES:
            raise InvalidInputError({"range": [f"There is no such range: give one of {', '.join(RANGES)}."]})
        now = timezone.now()
        return cls(now - RANGES[name], now)

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def in_whole(self, unit: timedelta) -> Self:
        """Return the units (of a day or a part of one, in UTC) that the period touches, since sums are kept by those."""
        end = beginning_of(self.end, unit)
        return type(self)(beginning_of(self.start, unit), end if end == self.end else end + unit)

    def in_whole_hours(self) -> Self:
        """Return the hours that the period touches."""
        return self.in_whole(HOUR)


def beginning_of(moment: datetime, unit: timedelta) -> datetime:
    """Return when the unit (of a day or a part of one, in UTC) began in which `moment` lies."""
    return moment.astimezone(UTC) - (moment - _MIDNIGHT) % unit
