"""What of the calls is wanted, and how far back a search for it goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Self

from django.db.models import CharField, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from analytics.models import WebhookCall
from analytics.outcomes import OUTCOME_CLASS_SQL, OutcomeClass
from integrations.errors import InvalidInputError
from integrations.ids import uuid7_floor

# A call's id is made when the attempt ends, its timestamp when it begins, and hosts' clocks differ.
CLOCK_SLACK: Final = timedelta(minutes=5)
SEARCHED: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Conditions on calls; None for none. `start` is included, `end` is not.

    `success` and the times lead to an index, which holds failures apart. Everything else is looked for row by row, and
    so within seven days at most: see `bounded`.
    """

    start: datetime | None = None
    end: datetime | None = None
    success: bool | None = None
    status_code: int | None = None
    status_class: OutcomeClass | None = None
    event_type: str | None = None
    triggered_by: str | None = None
    error: str | None = None
    """Text in the error's message, without regard to case."""
    every_attempt: bool = False
    """Whether each request is a row; otherwise one row for each finished run of a delivery, its last attempt."""

    @property
    def is_search(self) -> bool:
        """Whether rows have to be looked at that are not wanted."""
        searched = (self.status_code, self.status_class, self.event_type, self.triggered_by, self.error)
        return any(condition is not None for condition in searched)

    def bounded(self) -> Self:
        """Return the same with both ends of a search known: the last seven days unless given, and never more.

        Raises InvalidInputError, naming `from` or `to`, for a reversed period and for a search over a longer one.
        """
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise InvalidInputError({"to": ["This must be later than `from`."]})
        if not self.is_search:
            return self
        now = timezone.now()
        end = self.end or now
        if self.start is None:
            return replace(self, start=end - SEARCHED)
        if self.start >= end:
            raise InvalidInputError({"from": ["This must lie in the past."]})
        # A moment of grace: who asks for seven days until now has computed them a little earlier.
        if min(end, now) - self.start > SEARCHED + CLOCK_SLACK:
            raise InvalidInputError(
                {
                    "from": [
                        f"A search by status, event type, trigger or error goes over {SEARCHED.days} days at most: "
                        "begin later, or give `to`."
                    ]
                }
            )
        return self


def matching(calls: QuerySet[WebhookCall], wanted: CallFilter) -> QuerySet[WebhookCall]:
    """Narrow calls to those that are wanted. Lazy.

    Times bound the ids too, so that only the partitions of those days are opened. What implies a failure says so, since
    failures have indexes of their own. Raises InvalidInputError as `CallFilter.bounded` does.
    """
    wanted = wanted.bounded()
    calls = within(calls, wanted.start, wanted.end)
    if not wanted.every_attempt:
        calls = calls.filter(is_final=True)
    if wanted.success is not None:
        calls = calls.filter(success=wanted.success)
    if _implies_failure(wanted):
        calls = calls.filter(success=False)
    if wanted.status_class is not None:
        calls = calls.annotate(
            outcome_class=RawSQL(OUTCOME_CLASS_SQL, (), output_field=CharField())  # noqa: S611  (a constant)
        ).filter(outcome_class=wanted.status_class.value)
    exact = {"status_code": wanted.status_code, "event_type": wanted.event_type, "triggered_by": wanted.triggered_by}
    calls = calls.filter(**{name: value for name, value in exact.items() if value is not None})
    return calls.filter(error_message__icontains=wanted.error) if wanted.error is not None else calls


def within(calls: QuerySet[WebhookCall], start: datetime | None, end: datetime | None) -> QuerySet[WebhookCall]:
    """Narrow calls to those begun from `start` up to but without `end`, and to the partitions that can hold them."""
    if start is not None:
        calls = calls.filter(id__gte=uuid7_floor(start - CLOCK_SLACK), timestamp__gte=start)
    if end is not None:
        calls = calls.filter(id__lt=uuid7_floor(end + CLOCK_SLACK), timestamp__lt=end)
    return calls


def _implies_failure(wanted: CallFilter) -> bool:
    is_other_class = wanted.status_class not in {None, OutcomeClass.ANSWERED_2XX}
    is_other_status = wanted.status_code is not None and not 200 <= wanted.status_code <= 299
    return is_other_class or is_other_status or wanted.error is not None
