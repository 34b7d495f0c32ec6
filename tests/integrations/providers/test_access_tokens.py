"""Which token a request carries, and what a token endpoint's refusals mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from integrations.providers.access_tokens import ask_for_token, with_access_token
from integrations.providers.client import ProviderClient
from integrations.providers.hubspot.provider import hubspot
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

URL = "https://api.example.com/token"
STORED = Values(hubspot, {"access_token": "stored-token"})
NOTHING = Values(hubspot, {"client_id": "an-id", "client_secret": "a-client-secret"})


@pytest.fixture
def client() -> Iterator[ProviderClient]:
    with ProviderClient(hubspot, NOTHING) as opened:
        yield opened


class Api:
    """Accepts one token; refuses every other with `refusal`."""

    def __init__(self, accepted: str, refusal: Result = Result.BAD_CREDENTIALS) -> None:
        self.accepted = accepted
        self.refusal = refusal
        self.asked: list[str] = []

    def ask(self, token: str) -> str:
        self.asked.append(token)
        if token != self.accepted:
            raise ProviderError(self.refusal, "No.")
        return f"answer to {token}"


def new_token() -> str:
    return "new-token"


def never() -> str:
    raise AssertionError("no token was to be asked for")


def test_stored_token_is_used_while_it_works(client: ProviderClient) -> None:
    assert with_access_token(client, STORED, Api("stored-token").ask, never) == "answer to stored-token"


def test_ended_token_is_replaced_once(client: ProviderClient) -> None:
    api = Api("new-token")
    assert with_access_token(client, STORED, api.ask, new_token) == "answer to new-token"
    assert api.asked == ["stored-token", "new-token"]
    hopeless = Api("no such token")
    with pytest.raises(ProviderError):
        with_access_token(client, STORED, hopeless.ask, new_token)
    assert hopeless.asked == ["stored-token", "new-token"]


@pytest.mark.parametrize("result", sorted(set(Result) - {Result.OK, Result.BAD_CREDENTIALS}))
def test_token_is_not_replaced_for_anything_else(client: ProviderClient, result: Result) -> None:
    with pytest.raises(ProviderError) as caught:
        with_access_token(client, STORED, Api("other", result).ask, never)
    assert caught.value.result is result


def test_token_is_asked_for_where_none_is_stored(client: ProviderClient) -> None:
    api = Api("new-token")
    assert with_access_token(client, NOTHING, api.ask, new_token) == "answer to new-token"
    assert api.asked == ["new-token"]


def test_without_any_token_a_person_has_to_connect(client: ProviderClient) -> None:
    with pytest.raises(ProviderError) as caught:
        with_access_token(client, NOTHING, Api("x").ask, None)
    assert caught.value.result is Result.BAD_CREDENTIALS
    assert caught.value.message == "There is no access token of HubSpot yet: connect it, or enter a token."


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (400, {"error": "invalid_grant"}, Result.BAD_CREDENTIALS),
        (401, {"error": "invalid_client"}, Result.BAD_CREDENTIALS),
        (200, {"error": "invalid_grant"}, Result.BAD_CREDENTIALS),
        (400, {"error": "unauthorized_client"}, Result.MISSING_PERMISSION),
        (400, {"error": "invalid_scope"}, Result.MISSING_PERMISSION),
        (400, {"error": "temporarily_unavailable"}, Result.PROVIDER_DOWN),
        (400, {"message": "in words of its own"}, Result.BAD_CREDENTIALS),
        (404, {"error": "no_such_page"}, Result.WRONG_HOST),
        (429, {"error": "invalid_grant"}, Result.RATE_LIMITED),
        (503, {"error": "invalid_grant"}, Result.PROVIDER_DOWN),
        (400, "Bad Request", Result.WRONG_HOST),
        (200, {}, Result.WRONG_HOST),
        (200, {"access_token": None}, Result.WRONG_HOST),
        (200, [], Result.WRONG_HOST),
    ],
)
@responses.activate
def test_refusal_has_its_class_whatever_the_status(
    client: ProviderClient, status: int, body: Any, result: Result
) -> None:
    responses.post(URL, status=status, json=body)
    with pytest.raises(ProviderError) as caught:
        ask_for_token(client, URL, {"grant_type": "refresh_token"})
    assert caught.value.result is result


@responses.activate
def test_providers_own_meaning_comes_first_and_its_words_are_shown_without_secrets(client: ProviderClient) -> None:
    said = {"error": "invalid_grant", "error_description": "unknown: a-client-secret."}
    responses.post(URL, status=400, json=said)
    with pytest.raises(ProviderError) as caught:
        ask_for_token(client, URL, {}, {"invalid_grant": (Result.MISSING_PERMISSION, "Ask Ada.")})
    assert caught.value.message == "HubSpot gave no token (invalid_grant). Ask Ada. HubSpot says: unknown: ***."
    assert (caught.value.result, caught.value.code) == (Result.MISSING_PERMISSION, "invalid_grant")
