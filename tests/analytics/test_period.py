from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine

from analytics.period import Period
from integrations.errors import InvalidInputError

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_period_is_the_last_30_days_when_nothing_is_given() -> None:
    with time_machine.travel(NOON, tick=False):
        assert Period.requested(start=None, end=None) == Period(NOON - timedelta(days=30), NOON)


def test_period_begins_30_days_before_its_end_when_only_that_is_given() -> None:
    assert Period.requested(start=None, end=NOON) == Period(NOON - timedelta(days=30), NOON)


@pytest.mark.parametrize("end", [NOON, NOON - timedelta(microseconds=1)])
def test_period_is_refused_when_it_is_empty_or_reversed(end: datetime) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        Period.requested(start=NOON, end=end)
    assert refusal.value.errors == {"to": ["This must be later than `from`."]}


def test_period_is_refused_when_it_begins_in_the_future() -> None:
    with time_machine.travel(NOON, tick=False), pytest.raises(InvalidInputError) as refusal:
        Period.requested(start=NOON + timedelta(days=1), end=None)
    assert refusal.value.errors == {"from": ["This must lie in the past."]}


def test_period_may_have_400_days_and_no_more() -> None:
    start = NOON - timedelta(days=400)
    assert Period.requested(start=start, end=NOON) == Period(start, NOON)
    with pytest.raises(InvalidInputError) as refusal:
        Period.requested(start=start - timedelta(microseconds=1), end=NOON)
    assert refusal.value.errors == {"from": ["A period has at most 400 days: begin later."]}


def test_period_is_widened_to_the_hours_that_it_touches() -> None:
    hour = timedelta(hours=1)
    touched = Period(NOON + hour / 2, NOON + hour + hour / 60).in_whole_hours()
    assert touched == Period(NOON, NOON + 2 * hour)
    assert touched.in_whole_hours() == touched


@pytest.mark.parametrize(("name", "hours"), [("1h", 1), ("24h", 24), ("7d", 168), ("30d", 720)])
def test_named_range_ends_now(name: str, hours: int) -> None:
    with time_machine.travel(NOON, tick=False):
        assert Period.named(name) == Period(NOON - timedelta(hours=hours), NOON)


def test_range_without_that_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidInputError) as refusal:
        Period.named("2h")
    assert refusal.value.errors == {"range": ["There is no such range: give one of 1h, 24h, 7d, 30d."]}


def test_period_is_widened_to_units_of_utc_whatever_its_zone() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 3, 10, 2, 47, 31, 5, tzinfo=zone)  # 21:17:31 UTC of the day before
    night = datetime(2026, 3, 9, 21, tzinfo=UTC)
    one = Period(moment, moment + timedelta(microseconds=1))
    minute = timedelta(minutes=1)
    assert one.in_whole(minute) == Period(night + 17 * minute, night + 18 * minute)
    assert one.in_whole(5 * minute) == Period(night + 15 * minute, night + 20 * minute)
    assert one.in_whole(timedelta(days=1)) == Period(night.replace(hour=0), night.replace(hour=0) + timedelta(days=1))
    assert one.in_whole(minute).start.tzinfo is UTC
