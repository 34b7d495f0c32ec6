"""What a dashboard was asked to show: a range of time that ends now, and perhaps one webhook."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.utils import timezone

from analytics.period import RANGES, Period

DEFAULT_RANGE: Final = "24h"
_LABELS: Final = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}


@dataclass(frozen=True, slots=True)
class Range:
    """A span that ends now and has a name (`analytics.period.RANGES`)."""

    name: str

    @property
    def label(self) -> str:
        return _LABELS.get(self.name, self.name)

    @property
    def words(self) -> str:
        """How it stands in a sentence."""
        return f"the last {self.label.removeprefix('1 ')}"

    @property
    def step(self) -> timedelta | None:
        """How its charts are cut: a month by the day, which says more than its nights do; others as fits them."""
        return timedelta(days=1) if self.name == "30d" else None

    def ending(self, now: datetime) -> Period:
        return Period(now - RANGES[self.name], now)


WEEK: Final = Range("7d")


@dataclass(frozen=True, slots=True)
class Selection:
    """A dashboard's filters as they hold; `notes` say what of a request could not be met, and what is shown instead."""

    range: Range
    now: datetime
    webhook_id: UUID | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def period(self) -> Period:
        return self.range.ending(self.now)

    @property
    def period_before(self) -> Period:
        """The span of the same length before it, to compare with."""
        period = self.period
        return Period(period.start - period.length, period.start)

    @property
    def heat_range(self) -> Range:
        """What the heat map shows: a week at least, since fewer days have no pattern by weekday."""
        return self.range if RANGES[self.range.name] > RANGES[WEEK.name] else WEEK

    def query(self, **changes: str | UUID | None) -> str:
        """Return the query string of this selection, changed."""
        chosen = {"range": self.range.name, "webhook": self.webhook_id} | changes
        return urlencode({name: value for name, value in chosen.items() if value})


def selected(parameters: Mapping[str, str], *, webhooks: Collection[UUID] = ()) -> Selection:
    """Read the filters of a request. What is unknown is noted and left out: a page that refreshes itself must go on."""
    notes = []
    chosen = Range(parameters.get("range") or DEFAULT_RANGE)
    if chosen.name not in RANGES:
        unknown, chosen = chosen.name[:40], Range(DEFAULT_RANGE)
        notes.append(f"There is no range “{unknown}”, only {', '.join(RANGES)}. Shown are {chosen.words}.")
    webhook_id = None
    if wanted := parameters.get("webhook"):
        webhook_id = next((each for each in webhooks if str(each) == wanted.lower()), None)
        if webhook_id is None:
            notes.append("There is no such webhook here. Shown are all of them.")
    return Selection(chosen, timezone.now(), webhook_id, notes)
