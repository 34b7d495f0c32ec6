"""What every declaration of OAuth2 must keep; a new one is tested by being registered."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.providers.answers import Answer
from integrations.providers.base import Capability, Provider
from integrations.providers.environment import environment_values
from integrations.providers.oauth2 import OAuth2, oauth2_of
from integrations.providers.oauth2_requests import OAuthApp, _lifetime, app_of, authorization_url, explain_token_error
from integrations.providers.outcome import Result
from integrations.providers.registry import all_providers, get_provider
from integrations.providers.values import Values

WITH_OAUTH2 = [provider for provider in all_providers() if provider.can(Capability.OAUTH2)]
EVERY_PROVIDER = pytest.mark.parametrize("provider", WITH_OAUTH2, ids=lambda provider: provider.key)
APP = OAuthApp("client-id", ("client-secret",), is_platforms=True)


def declared_by(provider: Provider) -> OAuth2:
    declared = oauth2_of(provider)
    assert isinstance(declared, OAuth2)
    return declared


def examples(provider: Provider) -> Values:
    return Values(provider, {field.name: field.example for field in provider.fields})


def answer(body: bytes, status: int = 400) -> Answer:
    return Answer(label="Ledger", status=status, headers={}, body=body)


@EVERY_PROVIDER
def test_tokens_go_to_secret_fields(provider: Provider) -> None:
    declared, secret = declared_by(provider), {field.name for field in provider.secret_fields}
    known = {field.name for field in provider.fields}
    if declared.authorize_url:
        assert declared.access_token_field in secret
    else:
        assert declared.access_token_field in secret or declared.access_token_field not in known
    if declared.refresh_token_field:
        assert declared.refresh_token_field in secret
    assert declared.client_secret_field in secret
    assert declared.client_id_field in known - secret
    for name in filter(None, (declared.scope_field, declared.used_when and declared.used_when[0])):
        assert name in known - secret


@EVERY_PROVIDER
def test_addresses_are_https_and_the_state_and_proof_key_go_along(provider: Provider) -> None:
    declared, values = declared_by(provider), examples(provider)
    assert re.fullmatch(r"https://[^?#]+", declared.token_url_of(values))
    if not declared.authorize_url:
        return
    url = authorization_url(
        declared, values, app=APP, state="the-state", verifier="v" * 96, redirect_uri="https://s.example/callback"
    )
    assert url.startswith("https://")
    asked = {name: found[0] for name, found in parse_qs(urlsplit(url).query).items()}
    assert (asked["state"], asked["client_id"], asked["response_type"]) == ("the-state", "client-id", "code")
    assert ("code_challenge" in asked) is declared.pkce
    assert "client-secret" not in url
    assert "v" * 96 not in url


@EVERY_PROVIDER
def test_platforms_app_comes_from_the_environment_with_a_previous_secret(provider: Provider) -> None:
    start = f"SIGNALBOX_{provider.key}_".upper()
    variables = {f"{start}CLIENT_ID": "id", f"{start}CLIENT_SECRET": "new", f"{start}CLIENT_SECRET_PREVIOUS": "old"}
    app = app_of(provider, declared_by(provider), Values(provider, {}), variables)
    assert app == OAuthApp("id", ("new", "old"), is_platforms=True)
    assert "new" not in repr(app)
    assert app_of(provider, declared_by(provider), Values(provider, {}), {}) is None
    own = Values(provider, {"client_id": "mine", "client_secret": "my-secret"})
    assert app_of(provider, declared_by(provider), own, variables) == OAuthApp("mine", ("my-secret",), False)


@pytest.mark.parametrize("key", ["slack", "github"])
def test_app_by_itself_is_nobodys_credentials(key: str) -> None:
    start = f"SIGNALBOX_{key}_".upper()
    variables = {f"{start}CLIENT_ID": "id", f"{start}CLIENT_SECRET": "secret"}
    assert environment_values(get_provider(key), variables).is_complete is False


def test_enterprise_server_of_github_has_its_own_log_in() -> None:
    provider = get_provider("github")
    values = Values(provider, {"base_url": "https://github.example.com/api/v3"})
    assert declared_by(provider).token_url_of(values) == "https://github.example.com/login/oauth/access_token"
    assert declared_by(provider).token_url_of(Values(provider, {})) == "https://github.com/login/oauth/access_token"


@pytest.mark.parametrize(("key", "word"), [("slack", "bad_client_secret"), ("github", "incorrect_client_credentials")])
def test_refused_client_has_the_standards_code_whatever_it_is_called(key: str, word: str) -> None:
    explain = declared_by(get_provider(key)).explain
    assert explain is not None
    error = explain(answer(f'{{"ok": false, "error": "{word}"}}'.encode(), 200))
    assert error is not None
    assert (error.code, error.result) == ("invalid_client", Result.BAD_CREDENTIALS)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(3600, 3600), ("3600", 3600), (0, 7200), (-5, 7200), (None, 7200), ("soon", 7200), (True, 7200), ([], 7200)],
)
def test_lifetime_is_what_is_told_else_what_is_declared(told: Any, seconds: int) -> None:
    assert _lifetime(told, timedelta(hours=2)) == timedelta(seconds=seconds)


def test_error_is_read_out_of_any_status_but_an_outages() -> None:
    found = explain_token_error(answer(b'{"error": "invalid_grant", "error_description": "expired."}', 200))
    assert found is not None
    assert (found.code, found.result) == ("invalid_grant", Result.BAD_CREDENTIALS)
    assert "Ledger says: expired." in found.message
    assert explain_token_error(answer(b'{"error": "invalid_grant"}', 500)) is None
    assert explain_token_error(answer(b'{"access_token": "x"}', 200)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_url": "https://x"},
        {"token_url": "https://x", "authorize_url": "https://x", "rotates": True, "refresh_token_field": ""},
    ],
)
def test_contradictory_declaration_stops_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="OAuth2"):
        OAuth2(**wrong)
