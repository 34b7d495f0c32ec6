from __future__ import annotations

from typing import Any

import pytest
import responses

from integrations.providers.chatwoot.connection import call
from integrations.providers.chatwoot.provider import chatwoot
from integrations.providers.client import ProviderClient
from integrations.providers.environment import environment_values
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

TOKEN = "ExampleChatwootTokenForDocs1"
VALID = {"base_url": "https://chatwoot.example.com", "account_id": "1", "api_access_token": TOKEN}
INBOXES = "https://chatwoot.example.com/api/v1/accounts/1/inboxes"


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in chatwoot.fields} == {
        "base_url": False,
        "account_id": False,
        "api_access_token": True,
        "platform_token": True,
    }


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("https://app.chatwoot.com/", "https://app.chatwoot.com"),
        ("https://Chat.Example.com:8443", "https://chat.example.com:8443"),
        ("HTTPS://chat.example.com", "https://chat.example.com"),
    ],
)
def test_server_address_is_an_origin(written: str, stored: str) -> None:
    assert chatwoot.cleaned({**VALID, "base_url": written})["base_url"] == stored


@pytest.mark.parametrize(
    "wrong",
    [
        "https://app.chatwoot.com/app/accounts/1/dashboard",
        "https://app.chatwoot.com?x=1",
        "https://app.chatwoot.com#x",
        "https://app.chatwoot.com\\@evil.example.com",
        "https://app.chatwoot.com@evil.example.com",
        "https://10.0.0.1",
        "https://169.254.169.254",
        "ftp://app.chatwoot.com",
        "app.chatwoot.com",
    ],
)
def test_server_address_is_refused_when_it_is_more_or_leads_inside(wrong: str) -> None:
    assert list(chatwoot.problems({**VALID, "base_url": wrong})) == ["base_url"]


@pytest.mark.parametrize("wrong", ["0", "01", "1/../2", "1?x", "abc", "-1", "1" * 19, "١"])
def test_account_id_is_a_number(wrong: str) -> None:
    assert list(chatwoot.problems({**VALID, "account_id": wrong})) == ["account_id"]


def test_older_names_of_the_platforms_own_values_work() -> None:
    older = {"CHATWOOT_BASE_URL": VALID["base_url"], "CHATWOOT_ACCOUNT_ID": "1", "CHATWOOT_API_KEY": TOKEN}
    found = environment_values(chatwoot, older)
    assert (found.values, found.problems, found.is_complete) == (VALID, {}, True)


def answers(*replies: tuple[int, Any]) -> None:
    for status, body in replies:
        responses.post(INBOXES, status=status, json=body)


@responses.activate
def test_refused_request_is_made_again_once_by_the_headers_other_spelling() -> None:
    answers((401, {"error": "Invalid Access Token"}), (200, {"id": 3}))
    with ProviderClient(chatwoot, Values(chatwoot, VALID)) as client:
        answer, header = call(client, Values(chatwoot, VALID), "POST", "/api/v1/accounts/1/inboxes", json={"name": "x"})
    assert (answer.json(), header) == ({"id": 3}, "api-access-token")
    first, second = (made.request for made in responses.calls)
    assert first.headers["api_access_token"] == second.headers["api-access-token"] == TOKEN
    assert "api-access-token" not in first.headers
    assert "api_access_token" not in second.headers
    assert first.body == second.body == b'{"name": "x"}'


@pytest.mark.parametrize("status", [404, 422, 429, 500, 502])
@responses.activate
def test_request_that_may_have_been_done_is_not_made_again(status: int) -> None:
    answers((status, {"error": "Something"}))
    with ProviderClient(chatwoot, Values(chatwoot, VALID)) as client, pytest.raises(ProviderError):
        call(client, Values(chatwoot, VALID), "POST", "/api/v1/accounts/1/inboxes", json={})
    assert len(responses.calls) == 1


@responses.activate
def test_cloud_is_not_asked_twice() -> None:
    responses.get("https://app.chatwoot.com/api/v1/profile", status=401, json={"error": "Invalid Access Token"})
    values = Values(chatwoot, {**VALID, "base_url": "https://app.chatwoot.com"})
    with ProviderClient(chatwoot, values) as client, pytest.raises(ProviderError) as caught:
        call(client, values, "GET", "/api/v1/profile")
    assert caught.value.result is Result.BAD_CREDENTIALS
    assert len(responses.calls) == 1
