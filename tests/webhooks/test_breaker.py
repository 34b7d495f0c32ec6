from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.breaker import (
    FAILURES_TO_OPEN,
    LONGEST_PAUSE,
    BreakerState,
    Health,
    Sign,
    after,
    breaker_state,
    pause_of,
    sign_of,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def at(health: Health, sign: Sign, seconds: float, *, took: float = 0.0) -> Health:
    """Return the health after an attempt that ended so many seconds after NOW and took so long."""
    now = NOW + seconds * SECOND
    return after(health, sign, began_at=now - took * SECOND, now=now)


def down(times: int, health: Health | None = None) -> Health:
    health = health or Health()
    for _ in range(times):
        health = at(health, Sign.DOWN, 0)
    return health


# --- What an attempt says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "sign"),
    [
        (200, Sign.SUCCESS),
        (299, Sign.SUCCESS),
        (301, Sign.ALIVE),
        (404, Sign.ALIVE),
        (429, Sign.ALIVE),
        (500, Sign.DOWN),
        (503, Sign.DOWN),
        (599, Sign.DOWN),
    ],
)
def test_sign_of_an_answer(status: int, sign: Sign) -> None:
    assert sign_of(status=status, error="status" if sign is not Sign.SUCCESS else "") is sign


@pytest.mark.parametrize(
    ("error", "sign"),
    [
        ("timeout", Sign.DOWN),
        ("dns", Sign.DOWN),
        ("connect", Sign.DOWN),
        ("tls", Sign.DOWN),
        ("protocol", Sign.DOWN),
        ("refused", Sign.NOT_SENT),
        ("configuration", Sign.NOT_SENT),
        ("interrupted", Sign.NONE),
    ],
)
def test_sign_of_no_answer(error: str, sign: Sign) -> None:
    assert sign_of(status=None, error=error) is sign


def test_failures_are_all_but_success_and_what_signalbox_cut_off() -> None:
    assert {sign for sign in Sign if sign.is_failure} == {Sign.ALIVE, Sign.DOWN, Sign.NOT_SENT}


# --- Opening and closing --------------------------------------------------------------------------------------------


def test_ten_attempts_in_a_row_that_found_it_down_open_the_breaker_for_30_seconds() -> None:
    nine = down(9)
    assert (nine.consecutive_failures, nine.state(NOW)) == (9, BreakerState.CLOSED)

    ten = down(1, nine)

    assert ten == Health(10, 1, NOW + 30 * SECOND, failing_since=NOW)
    assert [ten.state(NOW + seconds * SECOND) for seconds in (0, 29.9, 30)] == [
        BreakerState.OPEN,
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
    ]


@pytest.mark.parametrize("sign", [Sign.SUCCESS, Sign.ALIVE])
def test_an_answer_ends_the_row(sign: Sign) -> None:
    assert at(down(9), sign, 0).consecutive_failures == 0


@pytest.mark.parametrize("sign", [Sign.NOT_SENT, Sign.NONE])
def test_what_says_nothing_of_the_endpoint_neither_counts_nor_ends_the_row(sign: Sign) -> None:
    assert at(down(9), sign, 0) == down(9)
    assert down(1, at(down(9), sign, 0)).open_until == NOW + 30 * SECOND


@pytest.mark.parametrize("sign", [Sign.SUCCESS, Sign.ALIVE])
@pytest.mark.parametrize("seconds", [5, 35])
def test_an_answer_closes_the_breaker_whether_open_or_half_open(sign: Sign, seconds: float) -> None:
    closed = at(down(10), sign, seconds)

    assert closed == Health(failing_since=None if sign is Sign.SUCCESS else NOW)


def test_a_probe_that_finds_it_down_opens_for_twice_as_long_up_to_15_minutes() -> None:
    health, now, pauses = down(10), NOW, []
    for _ in range(7):
        assert health.open_until is not None
        pauses.append((health.open_until - now).total_seconds())
        now = health.open_until + SECOND
        health = after(health, Sign.DOWN, began_at=now - SECOND, now=now)

    assert pauses == [30, 60, 120, 240, 480, 900, 900]


def test_pauses_begin_anew_after_an_answer() -> None:
    twice = at(down(10), Sign.DOWN, 31)
    assert twice.opened_count == 2

    again = down(10, at(twice, Sign.SUCCESS, 120))

    assert (again.opened_count, again.open_until) == (1, NOW + 30 * SECOND)


def test_failures_while_it_is_open_change_nothing() -> None:
    assert at(down(10), Sign.DOWN, 5) == down(10)


def test_a_failure_that_began_before_the_opening_is_no_probe() -> None:
    assert at(down(10), Sign.DOWN, 32, took=33) == down(10)
    assert at(down(10), Sign.DOWN, 32, took=1).opened_count == 2


def test_breaker_state_of_none_is_closed() -> None:
    assert breaker_state(None, now=NOW) is BreakerState.CLOSED


# --- Nothing but failures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [sign for sign in Sign if sign.is_failure])
def test_failing_since_is_the_first_failure_after_the_last_success(sign: Sign) -> None:
    first = at(Health(), sign, 0)
    later = at(first, sign, 3600)
    assert (first.failing_since, later.failing_since) == (NOW, NOW)
    assert at(later, Sign.SUCCESS, 7200) == Health()
    assert at(Health(), sign, 7201).failing_since == NOW + 7201 * SECOND


def test_an_interrupted_attempt_is_no_failure() -> None:
    assert at(Health(), Sign.NONE, 0) == Health()


def test_is_failing_for_good_after_5_days() -> None:
    health = Health(failing_since=NOW)
    assert not health.is_failing_for_good(NOW + 5 * DAY - SECOND)
    assert health.is_failing_for_good(NOW + 5 * DAY)
    assert not Health().is_failing_for_good(NOW)


# --- Always ---------------------------------------------------------------------------------------------------------

# Signs, with the seconds between their ends and the seconds that each attempt took.
histories = st.lists(st.tuples(st.sampled_from(Sign), st.floats(0, 2000), st.floats(0, 60)), max_size=60)


def run(history: list[tuple[Sign, float, float]]) -> tuple[Health, datetime]:
    health, now = Health(), NOW
    for sign, passed, took in history:
        now += passed * SECOND
        health = after(health, sign, began_at=now - took * SECOND, now=now)
    return health, now


@given(histories)
def test_the_breaker_is_closed_until_there_were_ten_in_a_row(history: list[tuple[Sign, float, float]]) -> None:
    health, _ = run(history)

    assert (health.open_until is None) == (health.opened_count == 0)
    assert (health.open_until is not None) == (health.consecutive_failures == FAILURES_TO_OPEN)
    in_a_row = 0
    for sign, _, _ in reversed(history):
        if sign in {Sign.SUCCESS, Sign.ALIVE}:
            break
        in_a_row += sign is Sign.DOWN
    assert (health.open_until is not None) == (in_a_row >= FAILURES_TO_OPEN)


@given(histories)
def test_nobody_waits_longer_than_the_longest_pause(history: list[tuple[Sign, float, float]]) -> None:
    health, now = run(history)
    if health.open_until is not None:
        assert health.open_until - now <= LONGEST_PAUSE


@given(histories)
def test_a_success_wipes_everything_out(history: list[tuple[Sign, float, float]]) -> None:
    health, now = run(history)
    assert after(health, Sign.SUCCESS, began_at=now, now=now) == Health()


@given(histories, st.sampled_from(Sign))
def test_what_changes_nothing_returns_the_same_object(history: list[tuple[Sign, float, float]], sign: Sign) -> None:
    health, now = run(history)
    again = after(health, sign, began_at=now, now=now)
    assert (again is health) == (again == health)


@given(st.integers(1, 10_000))
def test_pauses_never_shrink(opened_count: int) -> None:
    assert pause_of(opened_count) <= pause_of(opened_count + 1) <= LONGEST_PAUSE
