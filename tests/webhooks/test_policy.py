from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.policy import (
    JITTER,
    RETRY_AFTER_CAP,
    SCHEDULES,
    Decision,
    Next,
    Outcome,
    Rules,
    decide,
    parse_retry_after,
)

QUICK = Rules(SCHEDULES["quick"])
DURABLE = Rules(SCHEDULES["durable"])
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

statuses = st.integers(100, 999)
errors = st.sampled_from(["timeout", "dns", "connect", "tls", "protocol", "refused", "configuration"])
outcomes = st.builds(Outcome, status=statuses, retry_after=st.none() | st.floats(0, 1e9, allow_nan=False)) | st.builds(
    Outcome, error=errors
)
rules = st.builds(
    Rules,
    schedule=st.sampled_from(list(SCHEDULES.values())),
    max_retries=st.none() | st.integers(0, 20),
    retry_client_errors=st.booleans(),
)
chances = st.floats(0, 1, exclude_max=True)


def after(outcome: Outcome, attempt: int = 1, given_rules: Rules = QUICK, chance: float = 0.0) -> Decision:
    return decide(outcome, attempt=attempt, rules=given_rules, chance=chance)


def test_schedules_are_the_promised_ones() -> None:
    assert SCHEDULES["quick"] == (1, 2, 3)
    assert SCHEDULES["durable"] == (1, 2, 3, 300, 1800, 7200, 18000, 36000, 36000)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_decide_succeeds_when_the_answer_is_2xx(status: int) -> None:
    assert after(Outcome(status=status)) == Decision(Next.SUCCEEDED)


@pytest.mark.parametrize("status", [100, 301, 302, 304, 308, 500, 501, 503, 599, 600])
def test_decide_retries_when_the_answer_is_another_failure(status: int) -> None:
    assert after(Outcome(status=status)) == Decision(Next.RETRYING, delay=1.0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 499])
def test_decide_fails_when_the_answer_is_a_client_error(status: int) -> None:
    assert after(Outcome(status=status)) == Decision(Next.FAILED)


@pytest.mark.parametrize("status", [408, 425, 429])
def test_decide_retries_the_three_client_errors_only_when_the_rules_say_so(status: int) -> None:
    assert after(Outcome(status=status)) == Decision(Next.RETRYING, delay=1.0)
    plain = Rules(SCHEDULES["quick"], retry_client_errors=False)
    assert after(Outcome(status=status), given_rules=plain) == Decision(Next.FAILED)


def test_decide_disables_the_webhook_when_the_endpoint_is_gone() -> None:
    assert after(Outcome(status=410)) == Decision(Next.FAILED, disables_webhook=True)


@pytest.mark.parametrize("error", ["timeout", "dns", "connect", "tls", "protocol", "refused"])
def test_decide_retries_when_there_was_no_answer(error: str) -> None:
    assert after(Outcome(error=error)) == Decision(Next.RETRYING, delay=1.0)


def test_decide_fails_when_the_webhook_cannot_be_sent_as_configured() -> None:
    assert after(Outcome(error="configuration")) == Decision(Next.FAILED)


@pytest.mark.parametrize("attempt", [1, 4, 99])
def test_decide_repeats_at_once_and_for_free_when_signalbox_interrupted(attempt: int) -> None:
    assert after(Outcome(error="interrupted"), attempt) == Decision(Next.RETRYING, delay=0.0, costs_attempt=False)


def test_decide_walks_through_the_schedule_and_ends() -> None:
    failed = Outcome(status=500)
    assert [after(failed, attempt).delay for attempt in (1, 2, 3, 4)] == [1, 2, 3, None]
    assert after(failed, 4).next is Next.FAILED
    assert after(failed, 9, DURABLE).delay == 36_000
    assert after(failed, 10, DURABLE).next is Next.FAILED


@pytest.mark.parametrize(("max_retries", "attempts"), [(None, 4), (0, 1), (1, 2), (3, 4), (20, 4)])
def test_max_retries_cuts_the_schedule_and_never_lengthens_it(max_retries: int | None, attempts: int) -> None:
    cut = Rules(SCHEDULES["quick"], max_retries=max_retries)

    made = 1
    while not after(Outcome(status=500), made, cut).is_final:
        made += 1

    assert made == attempts


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_decide_waits_as_long_as_the_endpoint_asks(status: int) -> None:
    assert after(Outcome(status=status, retry_after=120.0)).delay == 120
    assert after(Outcome(status=status, retry_after=0.1)).delay == 1
    assert after(Outcome(status=status, retry_after=86_400.0)).delay == RETRY_AFTER_CAP


def test_decide_ignores_retry_after_of_other_answers() -> None:
    assert after(Outcome(status=500, retry_after=120.0)).delay == 1


@given(outcomes, st.integers(1, 30), rules, chances)
def test_a_delay_is_set_exactly_when_another_try_follows(
    outcome: Outcome, attempt: int, given_rules: Rules, chance: float
) -> None:
    decision = decide(outcome, attempt=attempt, rules=given_rules, chance=chance)

    assert (decision.delay is not None) == (decision.next is Next.RETRYING) == (not decision.is_final)
    assert (decision.next is Next.SUCCEEDED) == outcome.is_success
    assert decision.costs_attempt
    assert decision.disables_webhook == (outcome.status == 410)


@given(outcomes, rules, st.lists(chances, min_size=30, max_size=30))
def test_every_run_ends_within_its_retries(outcome: Outcome, given_rules: Rules, luck: list[float]) -> None:
    attempts = 0
    for chance in luck:
        attempts += 1
        if decide(outcome, attempt=attempts, rules=given_rules, chance=chance).is_final:
            break

    assert attempts <= given_rules.retries + 1
    assert given_rules.retries <= len(given_rules.schedule)
    assert given_rules.max_retries is None or given_rules.retries <= given_rules.max_retries


@given(outcomes, st.integers(1, 9), chances)
def test_a_delay_is_never_shorter_than_scheduled_nor_longer_than_jitter_and_cap(
    outcome: Outcome, attempt: int, chance: float
) -> None:
    delay = decide(outcome, attempt=attempt, rules=DURABLE, chance=chance).delay

    if delay is not None:
        scheduled = DURABLE.schedule[attempt - 1]
        assert scheduled <= delay <= max(scheduled * (1 + JITTER), RETRY_AFTER_CAP)


@given(statuses, rules, st.integers(1, 10), chances)
def test_fewer_client_errors_are_retried_when_the_rule_is_off(
    status: int, given_rules: Rules, attempt: int, chance: float
) -> None:
    off = Rules(given_rules.schedule, given_rules.max_retries, retry_client_errors=False)
    outcome = Outcome(status=status)

    if not decide(outcome, attempt=attempt, rules=off, chance=chance).is_final:
        assert not decide(outcome, attempt=attempt, rules=given_rules, chance=chance).is_final
        assert not 400 <= status <= 499


def test_an_outcome_has_either_a_status_or_an_error() -> None:
    with pytest.raises(ValueError):
        Outcome()
    with pytest.raises(ValueError):
        Outcome(status=200, error="timeout")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("9" * 5000, 999_999_999_999),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Fri, 20 Nov 2026 12:01:00", 60),
        ("Fri, 20 Nov 2026 13:01:00 +0100", 60),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), None),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("١٢", None),
    ],
)
def test_parse_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == seconds


@given(st.text())
def test_parse_retry_after_never_fails(value: str) -> None:
    seconds = parse_retry_after(value, now=NOW)
    assert seconds is None or seconds >= 0
