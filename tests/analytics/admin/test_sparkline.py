from __future__ import annotations

import re

import pytest

from analytics.admin.sparkline import sparkline


def test_says_what_it_shows() -> None:
    drawn = sparkline([1, 1_200, 3], [0, 20, 0])
    assert 'role="img" aria-label="1,204 calls, 20 failed, at most 1,200 at a time"' in drawn
    assert "style=" not in drawn


def test_has_a_point_for_each_span_and_a_bar_for_each_with_failures() -> None:
    drawn = sparkline([0, 10, 5, 10], [0, 5, 0, 1])
    line = re.search(r'sparkline-line" points="([^"]*)"', drawn)
    failed = re.search(r'sparkline-failed" d="([^"]*)"', drawn)
    assert line is not None
    assert failed is not None
    points = [tuple(map(float, point.split(","))) for point in line[1].split()]
    assert [x for x, _ in points] == [15, 45, 75, 105]
    heights = [y for _, y in points]
    assert heights[1] == heights[3] == min(heights)
    assert heights[0] == max(heights)
    assert heights[2] == pytest.approx((heights[0] + heights[1]) / 2, abs=0.06)  # written with one decimal
    assert re.findall(r"M([\d.]+)", failed[1]) == ["36.0", "96.0"]


def test_failures_are_never_too_small_to_see() -> None:
    assert "v-2.0h" in sparkline([100_000], [1])


def test_nothing_called_is_a_line_at_the_foot() -> None:
    assert 'points="60.0,22.5"' in sparkline([0], [0])
    assert "0 calls, 0 failed" in sparkline([], [])
