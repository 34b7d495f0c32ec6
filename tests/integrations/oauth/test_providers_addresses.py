"""Where each provider's people agree and tokens are got, and what it asks for, as the providers document it."""

from __future__ import annotations

import importlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from integrations.providers import registry
from integrations.providers.answers import Answer
from integrations.providers.oauth2 import OAuth2
from integrations.providers.oauth2_requests import OAuthApp, authorization_url, exchange_code
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.registry import get_provider
from integrations.providers.values import Values

APP = OAuthApp("client-id", ("client-secret",), is_platforms=True)
BACK = "https://signalbox.example.com/oauth/x/callback"
# Values, where people agree, where tokens are got, the scope.
DOCUMENTED: dict[str, tuple[dict[str, str], str, str, str | None]] = {
    "slack": ({}, "https://slack.com/oauth/v2/authorize", "https://slack.com/api/oauth.v2.access", "chat:write,chat:write.public"),
    "github": (
        {"base_url": "https://api.github.com"},
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        "repo admin:repo_hook",
    ),
    "salesforce": (
        {"my_domain": "acme--test.sandbox.my.salesforce.com"},
        "https://acme--test.sandbox.my.salesforce.com/services/oauth2/authorize",
        "https://acme--test.sandbox.my.salesforce.com/services/oauth2/token",
        "api refresh_token offline_access",
    ),
    "hubspot": (
        {},
        "https://app.hubspot.com/oauth/authorize",
        "https://api.hubapi.com/oauth/2026-03/token",
        "oauth crm.objects.contacts.read crm.objects.companies.read crm.objects.deals.read tickets crm.objects.owners.read",
    ),
    "zoho_crm": (
        {"data_centre": "com.au"},
        "https://accounts.zoho.com.au/oauth/v2/auth",
        "https://accounts.zoho.com.au/oauth/v2/token",
        "ZohoCRM.modules.contacts.READ,ZohoCRM.modules.deals.READ,ZohoCRM.modules.cases.READ,ZohoCRM.org.READ,"
        "ZohoCRM.users.READ,ZohoCRM.coql.READ",
    ),
    "zoho_desk": (
        {"data_centre": "ca"},
        "https://accounts.zohocloud.ca/oauth/v2/auth",
        "https://accounts.zohocloud.ca/oauth/v2/token",
        "Desk.tickets.READ,Desk.contacts.READ,Desk.search.READ,Desk.basic.READ",
    ),
    "pipedrive": ({}, "https://oauth.pipedrive.com/oauth/authorize", "https://oauth.pipedrive.com/oauth/token", None),
    "jira": (
        {},
        "https://auth.atlassian.com/authorize",
        "https://auth.atlassian.com/oauth/token",
        "read:jira-work read:jira-user offline_access",
    ),
    "zendesk": (
        {"subdomain": "acme"},
        "https://acme.zendesk.com/oauth/authorizations/new",
        "https://acme.zendesk.com/oauth/tokens",
        "read",
    ),
    "intercom": (
        {"region": "eu"},
        "https://app.eu.intercom.com/oauth",
        "https://api.intercom.io/auth/eagle/token",
        None,
    ),
}  # fmt: skip


def declared(key: str) -> OAuth2:
    found = importlib.import_module(f"integrations.providers.{key}.oauth2").oauth2
    assert isinstance(found, OAuth2)
    return found


def values_of(key: str) -> Values:
    """Any provider will do: the values are what counts."""
    return Values(get_provider("custom"), DOCUMENTED[key][0])


def test_every_declaration_with_a_consent_page_is_here() -> None:
    folders = Path(registry.__file__).parent.glob("*/oauth2.py")
    assert {path.parent.name for path in folders} == {*DOCUMENTED, "custom"}


@pytest.mark.parametrize("key", DOCUMENTED)
def test_people_agree_where_the_provider_says(key: str) -> None:
    _, page, _, scope = DOCUMENTED[key]
    url = authorization_url(
        declared(key), values_of(key), app=APP, state="the-state", verifier="v" * 96, redirect_uri=BACK
    )
    asked = {name: found[0] for name, found in parse_qs(urlsplit(url).query).items()}
    assert url.partition("?")[0] == page
    assert asked.get("scope") == scope
    assert asked["redirect_uri"] == BACK
    assert ("code_challenge" in asked) is (key != "slack")


@pytest.mark.parametrize("key", DOCUMENTED)
def test_code_is_traded_where_and_as_the_provider_says(key: str) -> None:
    oauth2, address = declared(key), DOCUMENTED[key][2]
    with responses.RequestsMock() as mock:
        mock.post(address, json={"access_token": "the-token", "refresh_token": "the-refresh", "token_type": "bearer"})
        tokens = exchange_code(
            get_provider("custom"),
            oauth2,
            values_of(key),
            app=APP,
            code="the-code",
            verifier="v" * 96,
            redirect_uri=BACK,
        )
        request: Any = mock.calls[0].request
    body = request.body.decode()
    sent = json.loads(body) if oauth2.sends_json else {name: found[0] for name, found in parse_qs(body).items()}
    assert (sent["code"], sent["grant_type"], sent["redirect_uri"]) == ("the-code", "authorization_code", BACK)
    assert ("Authorization" in request.headers) is (key == "pipedrive")
    assert ("client_secret" in sent) is (key != "pipedrive")
    assert tokens.access_token == "the-token"
    assert tokens.refresh_token == ("" if key == "intercom" else "the-refresh")
    assert tokens.lifetime == oauth2.lifetime
    assert "the-token" not in repr(tokens)


def test_zendesk_is_asked_for_tokens_that_live_for_two_days() -> None:
    assert declared("zendesk").token_parameters == {"expires_in": 172_800, "refresh_token_expires_in": 7_776_000}


@pytest.mark.parametrize(
    ("key", "status", "body", "code", "result", "wait"),
    [
        ("hubspot", 400, {"status": "BAD_REFRESH_TOKEN"}, "invalid_grant", Result.BAD_CREDENTIALS, None),
        ("zoho_crm", 200, {"error": "invalid_client"}, "invalid_client", Result.BAD_CREDENTIALS, None),
        ("zoho_desk", 200, {"error": "Access Denied"}, "Access Denied", Result.RATE_LIMITED, 600.0),
    ],
)
def test_own_words_of_providers(
    key: str, status: int, body: dict[str, str], code: str, result: Result, wait: float | None
) -> None:
    explain = declared(key).explain
    assert explain is not None
    error = explain(Answer(label=key, status=status, headers={}, body=json.dumps(body).encode()))
    assert isinstance(error, ProviderError)
    assert (error.code, error.result, error.retry_after) == (code, result, wait)
    assert explain(Answer(label=key, status=200, headers={}, body=b'{"access_token": "x"}')) is None


def test_tokens_that_tell_no_end_are_taken_to_live_as_documented() -> None:
    lives = {key: declared(key).lifetime for key in DOCUMENTED}
    assert lives["salesforce"] == timedelta(hours=2)
    assert lives["hubspot"] == timedelta(minutes=30)
    assert {key for key, life in lives.items() if life is None} == {"slack", "github", "intercom"}
