from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import responses

from integrations.providers.connection_test import run_connection_test
from integrations.providers.values import Values
from integrations.providers.zendesk.provider import zendesk
from tests.integrations.providers.connection_cases.zendesk import FOUND, GIVEN, TOKEN_URL, URL
from tests.integrations.providers.hosts import ELSEWHERE

STATIC = {"subdomain": "acme", "email": "johnny@example.com", "api_token": "a-token"}
APP = {"subdomain": "acme", "client_id": "acme_signalbox", "client_secret": "a-client-secret"}


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in zendesk.fields} == {
        "subdomain": False,
        "access_token": True,
        "client_id": False,
        "client_secret": True,
        "client_secret_previous": True,
        "refresh_token": True,
        "email": False,
        "api_token": True,
    }


def test_token_app_or_api_token_with_its_e_mail_address_is_enough() -> None:
    assert zendesk.problems(STATIC) == zendesk.problems(APP) == {}
    assert zendesk.problems({"subdomain": "acme", "access_token": "a-token"}) == {}
    assert zendesk.problems({**STATIC, "email": ""}) == {"email": ["This field is required together with api_token."]}
    assert set(zendesk.problems({"subdomain": "acme"})) == {"api_token", "access_token", "client_secret"}


@pytest.mark.parametrize("written", ["acme", "Acme.zendesk.com", "https://acme.zendesk.com/agent/dashboard"])
def test_subdomain_is_taken_out_of_what_was_pasted(written: str) -> None:
    assert zendesk.cleaned({**STATIC, "subdomain": written})["subdomain"] == "acme"


@pytest.mark.parametrize("wrong", ELSEWHERE)
def test_subdomain_can_lead_to_no_other_host(wrong: str) -> None:
    assert zendesk.problems({**STATIC, "subdomain": wrong}) == {
        "subdomain": ["What stands before .zendesk.com: letters, digits and hyphens, such as acme."]
    }


@responses.activate
def test_api_token_is_sent_as_a_password_of_the_address_with_token_and_its_end_is_told() -> None:
    responses.get(URL, json=FOUND)
    outcome = run_connection_test(zendesk, Values(zendesk, STATIC))
    # johnny@example.com/token:a-token
    assert responses.calls[0].request.headers["Authorization"] == "Basic am9obm55QGV4YW1wbGUuY29tL3Rva2VuOmEtdG9rZW4="
    assert outcome.expires_at == datetime(2027, 4, 30, tzinfo=UTC)


@responses.activate
def test_access_token_comes_before_the_api_token_and_has_no_end_that_is_known() -> None:
    responses.get(URL, json=FOUND)
    outcome = run_connection_test(zendesk, Values(zendesk, {**STATIC, "access_token": "another"}))
    assert responses.calls[0].request.headers["Authorization"] == "Bearer another"
    assert outcome.expires_at is None


@responses.activate
def test_client_credentials_ask_as_json_for_a_token_that_only_reads_and_ends() -> None:
    responses.post(TOKEN_URL, json=GIVEN)
    responses.get(URL, json=FOUND)
    assert run_connection_test(zendesk, Values(zendesk, APP)).success
    asked, read = (made.request for made in responses.calls)
    assert json.loads(asked.body or "") == {
        "grant_type": "client_credentials",
        "client_id": "acme_signalbox",
        "client_secret": "a-client-secret",
        "scope": "read",
        "expires_in": 1800,
    }
    assert read.headers["Authorization"] == f"Bearer {GIVEN['access_token']}"


@responses.activate
def test_token_against_forged_requests_is_not_taken_over() -> None:
    responses.get(URL, json=FOUND)
    outcome = run_connection_test(zendesk, Values(zendesk, STATIC))
    assert "a-token-against-forged-requests" not in json.dumps(outcome.data) + outcome.message
