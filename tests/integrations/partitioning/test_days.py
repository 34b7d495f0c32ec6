from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from integrations.ids import uuid7, uuid7_floor
from integrations.partitioning.days import FIRST_DAY, day_bounds, day_of, default_partition_name, partition_name, today

DAYS = st.dates(FIRST_DAY, date(2200, 1, 1))
MILLISECONDS = st.integers(1_577_836_800_000, 7_258_118_400_000)  # 2020 to 2200
RANDOM_BITS = st.integers(0, (1 << 62) - 1)
FRACTIONS = st.integers(0, (1 << 12) - 1)


@given(MILLISECONDS, FRACTIONS, RANDOM_BITS)
def test_puts_every_id_into_the_day_of_its_moment(milliseconds: int, fraction: int, random_bits: int) -> None:
    moment = datetime.fromtimestamp(0, tz=UTC) + timedelta(milliseconds=milliseconds)
    identifier = UUID(int=uuid7_floor(moment).int | fraction << 64 | random_bits)
    lower, upper = day_bounds(moment.date())

    assert lower <= identifier < upper
    assert day_of(identifier) == moment.date()


@given(DAYS)
def test_leaves_no_gap_and_no_overlap_between_days(day: date) -> None:
    assert day_bounds(day)[1] == day_bounds(day + timedelta(days=1))[0]


@given(DAYS)
def test_sorts_partition_names_as_their_days(day: date) -> None:
    assert partition_name("t", day) < partition_name("t", day + timedelta(days=1))


@given(st.uuids())
def test_tells_no_day_or_a_real_one_for_any_id(identifier: UUID) -> None:
    day = day_of(identifier)
    assert day is None or identifier.int >> 80 < 253402300800000


def test_names_partitions_by_table_and_day() -> None:
    assert partition_name("webhooks_event", date(2026, 11, 20)) == "webhooks_event_p20261120"
    assert default_partition_name("webhooks_event") == "webhooks_event_default"


def test_bounds_a_day_by_its_midnights() -> None:
    assert day_bounds(date(2026, 11, 20)) == (
        UUID("01a1f640-bc00-7000-8000-000000000000"),
        UUID("01a1fb67-1800-7000-8000-000000000000"),
    )


def test_knows_today_in_utc() -> None:
    assert day_of(uuid7()) == today()


def test_tells_no_day_beyond_the_calendar() -> None:
    assert day_of(UUID(int=(1 << 128) - 1)) is None
