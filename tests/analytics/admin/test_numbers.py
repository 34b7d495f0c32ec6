from __future__ import annotations

import pytest

from analytics.admin.numbers import change, duration, percent, success_rate_badge, whole


@pytest.mark.parametrize(("number", "written"), [(0, "0"), (999, "999"), (12_480, "12,480"), (10**7, "10,000,000")])
def test_whole_numbers_are_grouped(number: int, written: str) -> None:
    assert whole(number) == written


@pytest.mark.parametrize(
    ("milliseconds", "written"),
    [
        *((None, "–"), (0, "0 ms"), (84, "84 ms"), (84.4, "84 ms"), (999, "999 ms")),
        *(
            (999.6, "1.00 s"),
            (1_000, "1.00 s"),
            (1_240, "1.24 s"),
            (9_994, "9.99 s"),
            (9_996, "10.0 s"),
            (30_000, "30.0 s"),
        ),
    ],
)
def test_durations_have_the_unit_that_fits(milliseconds: float | None, written: str) -> None:
    assert duration(milliseconds) == written


@pytest.mark.parametrize(
    ("part", "total", "written"), [(0, 0, "–"), (1, 3, "33.3 %"), (9_999, 10_000, "99.9 %"), (7, 7, "100.0 %")]
)
def test_percents_are_cut_and_not_rounded(part: int, total: int, written: str) -> None:
    assert percent(part, total) == written


@pytest.mark.parametrize(
    ("succeeded", "total", "badge"),
    [
        *((1000, 1000, "good"), (950, 1000, "good"), (949, 1000, "warning")),
        *((800, 1000, "warning"), (799, 1000, "bad"), (0, 1, "bad")),
    ],
)
def test_rate_is_green_from_95_amber_from_80_and_red_below(succeeded: int, total: int, badge: str) -> None:
    assert f'class="badge badge-{badge}"' in str(success_rate_badge(succeeded, total))


def test_nothing_called_has_no_rate() -> None:
    assert success_rate_badge(0, 0) is None


@pytest.mark.parametrize(
    ("now", "before", "written"),
    [
        *((5, 0, ""), (0, 0, ""), (100, 100, "about as many as before"), (109, 100, "about as many as before")),
        *(
            (110, 100, "10 % more than before"),
            (80, 100, "20 % fewer than before"),
            (0, 100, "100 % fewer than before"),
        ),
        *((300, 100, "3.0 × the number before"), (1_000, 100, "many times more than before")),
    ],
)
def test_change_is_told_in_words(now: int, before: int, written: str) -> None:
    assert change(now, before) == written
