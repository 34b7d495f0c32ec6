from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.histogram import (
    BUCKETS,
    UPPER_BOUNDS_MS,
    bucket_of,
    empty_histogram,
    histogram_of,
    percentile,
)

TIMES = st.lists(st.integers(min_value=0, max_value=70_000), min_size=1, max_size=200)
PERCENTS = st.integers(min_value=0, max_value=100)


def exact_percentile(times: list[int], percent: int) -> int:
    """Return the nearest-rank percentile, by its definition: the smallest time that enough others do not exceed."""
    return next(time for time in sorted(times) if sum(other <= time for other in times) * 100 >= percent * len(times))


def test_bounds_are_24_and_grow_by_at_most_twice() -> None:
    assert BUCKETS == 24
    assert UPPER_BOUNDS_MS[0] == 1
    assert UPPER_BOUNDS_MS[-1] == 60_000
    assert all(1 < upper / lower <= 2 for lower, upper in pairwise(UPPER_BOUNDS_MS))


@pytest.mark.parametrize(
    ("milliseconds", "bucket"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3), (80, 9), (81, 10), (60_000, 23), (99_999, 23)]
)
def test_bucket_holds_its_upper_bound_and_not_the_one_before(milliseconds: int, bucket: int) -> None:
    assert bucket_of(milliseconds) == bucket


def test_percentile_is_none_when_nothing_was_counted() -> None:
    assert percentile(empty_histogram(), 50) is None


@pytest.mark.parametrize(("percent", "expected"), [(0, 51), (50, 65), (95, 79), (99, 80), (100, 80)])
def test_percentile_interpolates_within_its_bucket(percent: int, expected: int) -> None:
    assert percentile(histogram_of([60] * 100), percent) == expected


def test_percentile_finds_the_bucket_of_the_slow_ones() -> None:
    histogram = histogram_of([10] * 94 + [900] * 6)
    assert (percentile(histogram, 94), percentile(histogram, 95)) == (12, 867)


@pytest.mark.parametrize("percent", [-1, 101])
def test_percentile_refuses_what_is_no_percentage(percent: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        percentile(histogram_of([1]), percent)


@given(times=TIMES, percent=PERCENTS)
def test_percentile_lies_in_the_bucket_of_the_exact_one(times: list[int], percent: int) -> None:
    estimate = percentile(histogram_of(times), percent)
    assert estimate is not None
    assert bucket_of(estimate) == bucket_of(exact_percentile(times, percent))


@given(times=TIMES, first=PERCENTS, second=PERCENTS)
def test_percentile_never_falls_when_the_percentage_grows(times: list[int], first: int, second: int) -> None:
    histogram = histogram_of(times)
    low, high = percentile(histogram, min(first, second)), percentile(histogram, max(first, second))
    assert low is not None
    assert high is not None
    assert low <= high


@given(one=TIMES, other=TIMES)
def test_histograms_add_up(one: list[int], other: list[int]) -> None:
    added = [a + b for a, b in zip(histogram_of(one), histogram_of(other), strict=True)]
    assert added == histogram_of(one + other)
    assert sum(added) == len(one) + len(other)
