"""The span of time that a summary or a list covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from django.utils import timezone

from integrations.errors import InvalidInputError

DEFAULT_SPAN: Final = timedelta(days=30)
LONGEST_SPAN: Final = timedelta(days=400)


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

    def in_whole_hours(self) -> Self:
        """Return the hours that the period touches, since sums are kept by the hour."""
        hour = timedelta(hours=1)
        end = _hour_of(self.end)
        return type(self)(_hour_of(self.start), end if end == self.end else end + hour)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
