from __future__ import annotations

import pytest
import responses

from integrations.providers.connection_test import run_connection_test
from integrations.providers.pipedrive.connection import origin
from integrations.providers.pipedrive.provider import pipedrive
from integrations.providers.values import Values
from tests.integrations.providers.connection_cases.pipedrive import FOUND, URL
from tests.integrations.providers.hosts import ELSEWHERE

API_TOKEN = "0123456789abcdef0123456789abcdef01234567"
STATIC = {"company_domain": "acme", "api_token": API_TOKEN}


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in pipedrive.fields} == {
        "company_domain": False,
        "api_token": True,
        "access_token": True,
        "client_id": False,
        "client_secret": True,
        "client_secret_previous": True,
        "refresh_token": True,
    }


def test_api_token_access_token_or_app_is_enough() -> None:
    for given in ({"api_token": API_TOKEN}, {"access_token": "a-token"}, {"client_id": "i", "client_secret": "s"}):
        assert pipedrive.problems({"company_domain": "acme", **given}) == {}
    assert set(pipedrive.problems({"company_domain": "acme"})) == {"api_token", "access_token", "client_secret"}


@pytest.mark.parametrize(
    "written", ["acme", " ACME ", "acme.pipedrive.com", "https://acme.pipedrive.com", "https://Acme.Pipedrive.com/users/me?a=b"]
)  # fmt: skip
def test_company_domain_is_taken_out_of_what_was_pasted(written: str) -> None:
    cleaned = pipedrive.cleaned({**STATIC, "company_domain": written})
    assert cleaned["company_domain"] == "acme"
    assert origin(Values(pipedrive, cleaned)) == "https://acme.pipedrive.com"


@pytest.mark.parametrize("wrong", ELSEWHERE)
def test_company_domain_can_lead_to_no_other_host(wrong: str) -> None:
    assert pipedrive.problems({**STATIC, "company_domain": wrong}) == {
        "company_domain": ["What stands before .pipedrive.com: letters, digits and hyphens, such as acme."]
    }


@pytest.mark.parametrize("wrong", ["0123456789abcdef", API_TOKEN.upper(), f"{API_TOKEN}0", f"Bearer {API_TOKEN}"])
def test_api_token_is_refused_when_it_has_another_form(wrong: str) -> None:
    assert list(pipedrive.problems({**STATIC, "api_token": wrong})) == ["api_token"]


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ({}, {"x-api-token": API_TOKEN, "Authorization": None}),
        ({"access_token": "a-token"}, {"x-api-token": None, "Authorization": "Bearer a-token"}),
    ],
)
@responses.activate
def test_token_travels_in_a_header_and_never_in_the_address(given: dict[str, str], headers: dict[str, str]) -> None:
    responses.get(URL, json=FOUND)
    assert run_connection_test(pipedrive, Values(pipedrive, {**STATIC, **given})).success
    request = responses.calls[0].request
    assert request.url == URL
    assert {name: request.headers.get(name) for name in headers} == headers
