"""What every provider with a connection test must keep; a new one is tested by being registered."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from base64 import b64encode
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import responses

from integrations.providers.base import Capability, Provider
from integrations.providers.connection_test import TestOutcome, run_connection_test
from integrations.providers.outcome import MAX_MESSAGE, Result
from integrations.providers.registry import all_providers
from integrations.providers.values import Values
from tests.integrations.providers.connection_cases.case import HTML, REQUIRED, Case, cases_of, impossible, outcome_of

TESTABLE = [provider for provider in all_providers() if provider.can(Capability.TEST)]
EVERY_PROVIDER = pytest.mark.parametrize("provider", TESTABLE, ids=lambda provider: provider.key)


EVERY_CASE = pytest.mark.parametrize(
    ("provider", "case"),
    [
        pytest.param(provider, case, id=f"{provider.key}-{case.name.replace(' ', '_')}")
        for provider in TESTABLE
        for case in cases_of(provider)
    ],
)
ANYTHING = re.compile(".*")
METHODS = ("GET", "POST", "OPTIONS", "HEAD")
NONSENSE = [
    "",
    "null",
    "[]",
    "{}",
    "[1, 2]",
    '"ok"',
    "17",
    "{",
    HTML,
    "\x00\xff",
    '{"data": 1, "error": [[]]}',
    "[" * 5000,
]


def assert_shows_no_secret(outcome: TestOutcome, values: Values, log: str) -> None:
    shown = f"{json.dumps(dataclasses.asdict(outcome), default=str)} {outcome.message} {log}"
    for secret in values.secrets():
        encoded = secret.encode()
        for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret), encoded.hex()):
            assert form not in shown
        assert b64encode(encoded).decode().rstrip("=") not in shown


def everything_answers(mock: responses.RequestsMock, status: int, body: str, content_type: str) -> None:
    for method in METHODS:
        mock.add(method, ANYTHING, status=status, body=body, content_type=content_type)


def first_values(provider: Provider) -> Values:
    return next(case for case in cases_of(provider) if case.name == "success").opened(provider)


@EVERY_PROVIDER
def test_brings_a_case_for_each_way_in_which_a_test_can_end(provider: Provider) -> None:
    names, cannot = [case.name for case in cases_of(provider)], impossible(provider)
    assert len(set(names)) == len(names)
    assert {*names, *cannot} >= set(REQUIRED)
    assert not set(names) & set(cannot)
    assert all(reason.endswith(".") for reason in cannot.values())


@EVERY_CASE
def test_recorded_answers_come_to_the_right_result(
    provider: Provider, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    outcome = outcome_of(provider, case)

    assert (outcome.result, outcome.identity) == (case.result, case.identity), outcome.message
    assert outcome.success == (case.result is Result.OK)
    assert outcome.retry_after == case.retry_after
    assert case.says in outcome.message
    if case.data is not None:
        assert outcome.data == case.data
    assert re.fullmatch(r"[A-Zan{].*[.…]", outcome.message)
    assert len(outcome.message) <= MAX_MESSAGE
    assert_shows_no_secret(outcome, case.opened(provider), caplog.text)


@EVERY_PROVIDER
def test_success_names_whom_the_credentials_belong_to(provider: Provider) -> None:
    for case in cases_of(provider):
        if case.name == "success":
            assert case.result is Result.OK
            assert case.identity


@EVERY_PROVIDER
@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 418, 500, 503])
def test_nonsense_is_no_success_and_no_crash(provider: Provider, status: int) -> None:
    for body in NONSENSE:
        for content_type in ("application/json", "text/html; charset=no-such-charset"):
            with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
                everything_answers(mock, status, body, content_type)
                outcome = run_connection_test(provider, first_values(provider))
            assert not outcome.success, f"{status} {body[:20]!r}"


@EVERY_PROVIDER
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
def test_answer_that_repeats_all_secrets_shows_none(
    provider: Provider, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    values = first_values(provider)

    def repeat(request: Any) -> tuple[int, dict[str, str], str]:
        said = f"{' '.join(values.secrets())} {request.url} {dict(request.headers)} {request.body}"
        names = ("message", "error", "id", "name", "login", "sid", "friendly_name", "status", "code", "detail", "title")
        return status, {"X-OAuth-Scopes": said, "Retry-After": said}, json.dumps(dict.fromkeys(names, said))

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in METHODS:
            mock.add_callback(method, ANYTHING, callback=repeat, content_type="application/json")
        outcome = run_connection_test(provider, values)

    assert_shows_no_secret(outcome, values, caplog.text)


@EVERY_PROVIDER
def test_no_connection_says_nothing_about_the_credentials(provider: Provider) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in METHODS:
            mock.add(method, ANYTHING, body=ConnectionResetError(104, "Connection reset by peer"))
        assert run_connection_test(provider, first_values(provider)).result is Result.NETWORK
