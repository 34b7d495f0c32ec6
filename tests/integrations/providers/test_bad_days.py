"""What every provider does to everybody sooner or later: limits, outages, web pages, answers that were cut off."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
import responses

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Tenant
from integrations.providers.base import Capability, Provider
from integrations.providers.connection_test import run_connection_test
from integrations.providers.outcome import Result
from integrations.providers.registry import all_providers, get_provider
from integrations.providers.values import Values
from integrations.services.connection_tests import check_connection
from integrations.services.integrations import create_integration
from tests.integrations.providers.answers_page import COMMAND, PAGE, page
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply, cases_of
from tests.integrations.providers.connection_cases.twilio import ACCOUNT, URL
from tests.secret_hunt import rows_as_text

TESTABLE = [provider for provider in all_providers() if provider.can(Capability.TEST)]
EVERY_PROVIDER = pytest.mark.parametrize("provider", TESTABLE, ids=lambda provider: provider.key)
EVERY_SUCCESS = pytest.mark.parametrize(
    ("provider", "case"),
    [
        pytest.param(provider, case, id=f"{provider.key}-{case.name.replace(' ', '_')}")
        for provider in TESTABLE
        for case in cases_of(provider)
        if case.result is Result.OK
    ],
)
ANYTHING = re.compile(".*")
BODIES = {"nothing": "", "json": '{"message": "Too many requests"}', "page": HTML, "text": "Retry later"}
EVERY_BODY = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)


def success_of(provider: Provider) -> Values:
    return next(case for case in cases_of(provider) if case.name == "success").opened(provider)


def everything_answers(mock: responses.RequestsMock, status: int, body: str, headers: dict[str, str]) -> None:
    kinds = {"{": "application/json", "<": "text/html"}
    for method in ("GET", "POST", "OPTIONS", "HEAD"):
        mock.add(
            method, ANYTHING, status=status, body=body, headers=headers, content_type=kinds.get(body[:1], "text/plain")
        )


@EVERY_PROVIDER
@EVERY_BODY
def test_429_is_a_limit_with_the_time_that_the_provider_names(provider: Provider, body: str) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    for header, lowest, highest in (("7", 7, 7), (in_a_minute, 50, 61)):
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            everything_answers(mock, 429, body, {"Retry-After": header})
            outcome = run_connection_test(provider, success_of(provider))
        assert outcome.result is Result.RATE_LIMITED
        assert outcome.retry_after is not None
        assert lowest <= outcome.retry_after <= highest


@EVERY_PROVIDER
@EVERY_BODY
def test_429_without_a_time_is_a_limit_all_the_same(provider: Provider, body: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        everything_answers(mock, 429, body, {})
        outcome = run_connection_test(provider, success_of(provider))
    assert outcome.result is Result.RATE_LIMITED
    assert outcome.retry_after is None or outcome.retry_after > 0  # some providers' limits have a known length


@EVERY_PROVIDER
@EVERY_BODY
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_outage_says_nothing_about_the_credentials(provider: Provider, status: int, body: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        everything_answers(mock, status, body, {"Retry-After": "30"})
        outcome = run_connection_test(provider, success_of(provider))
    assert outcome.result is Result.PROVIDER_DOWN
    assert outcome.retry_after == 30.0


@EVERY_PROVIDER
@pytest.mark.parametrize("status", [200, 401, 403, 404])
def test_web_page_is_not_the_api_and_accuses_no_credentials(provider: Provider, status: int) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        everything_answers(mock, status, HTML, {})
        outcome = run_connection_test(provider, success_of(provider))
    # Pipedrive's proxy shows those a page who went on after a limit.
    assert outcome.result in {Result.WRONG_HOST, Result.RATE_LIMITED}
    assert provider.key == "pipedrive" or outcome.result is Result.WRONG_HOST


@EVERY_SUCCESS
def test_answer_that_was_cut_off_is_no_success(provider: Provider, case: Case) -> None:
    given = next((reply for reply in case.replies if 200 <= reply.status <= 299 and reply.body), None)
    if given is None:
        pytest.skip("What shows that it works is an error.")
    whole = given.body if isinstance(given.body, str) else json.dumps(given.body)
    halved = Reply(given.method, given.url, given.status, whole[: len(whole) // 2], given.headers)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for reply in case.replies:
            (halved if reply is given else reply).register(mock)
        outcome = run_connection_test(provider, case.opened(provider))
    assert not outcome.success


@EVERY_PROVIDER
@pytest.mark.parametrize(
    "broken",
    [
        requests.exceptions.ConnectTimeout("no answer"),
        requests.exceptions.ReadTimeout("too slow"),
        requests.exceptions.ChunkedEncodingError("Connection broken: IncompleteRead(1 bytes read, 99 more expected)"),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_connection_that_breaks_is_the_networks_fault(provider: Provider, broken: Exception) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "OPTIONS", "HEAD"):
            mock.add(method, ANYTHING, body=broken)
        assert run_connection_test(provider, success_of(provider)).result is Result.NETWORK


def test_auth_token_in_twilio_s_answer_is_stored_and_told_nowhere(
    tenant: Tenant, admin_actor: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    twilio = get_provider("twilio")
    another = "fedcba98765432100123456789abcdef"  # the secondary one was entered, the answer holds the primary one
    values = {field.name: field.example for field in twilio.fields if field.name in {"account_sid", "phone_number"}} | {
        "auth_token": "00112233445566778899aabbccddeeff"
    }
    integration = create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=values)
    with responses.RequestsMock() as mock:
        mock.get(URL, json={**ACCOUNT, "auth_token": another, "subresource_uris": {"messages": f"/x?token={another}"}})
        report = check_connection(actor=admin_actor, integration=integration, force=True)
    assert report.success
    assert another not in f"{report} {report.data} {caplog.text}"
    assert ActivityLog.objects.exists()
    assert [table for table, text in rows_as_text().items() if another in text] == []


def test_page_of_answers_is_what_the_adapters_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"renew it: {COMMAND}"
