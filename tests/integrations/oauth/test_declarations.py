"""What every declaration of OAuth2 must keep; a new one is tested by being registered."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.providers.answers import Answer
from integrations.providers.base import Capability, FieldKind, Provider
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
    assert {declared.client_secret_field, declared.previous_secret_field} <= secret
    assert declared.client_id_field in known - secret
    for when in filter(None, (declared.used_when, declared.agreed_when)):
        assert when[0] in known - secret
    for name in filter(None, (declared.scope_field, declared.free_address_field)):
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
    assert ("code_challenge" in asked) is declared.sends_proof_key(values)
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
    rotated = Values(provider, {**own, "client_secret_previous": "my-old-secret"})
    assert app_of(provider, declared_by(provider), rotated, variables) == OAuthApp(
        "mine", ("my-secret", "my-old-secret"), False
    )


@EVERY_PROVIDER
def test_platforms_secret_goes_to_no_host_that_a_customer_names(provider: Provider) -> None:
    declared, start = declared_by(provider), f"SIGNALBOX_{provider.key}_".upper()
    app = {f"{start}CLIENT_ID": "id", f"{start}CLIENT_SECRET": "secret"}
    before = urlsplit(declared.token_url_of(examples(provider))).hostname
    for field in (field for field in provider.public_fields if field.kind is FieldKind.URL):
        theirs = {**examples(provider), "client_id": "", "client_secret": "", field.name: "https://evil.example"}
        values = Values(provider, theirs)
        if urlsplit(declared.token_url_of(values)).hostname == before:
            continue
        assert declared.free_address_field == field.name
        assert app_of(provider, declared, values, app) is None
        # Where the operator has named it as well, it is the platform's own.
        assert app_of(provider, declared, values, {**app, f"{start}{field.name}".upper(): "https://evil.example/"})


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


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ("", ()),  # all that was asked for (RFC 6749, section 5.1)
        ("repo admin:repo_hook", ()),
        ("admin:repo_hook,REPO,extra", ()),
        ("repo", ("admin:repo_hook",)),
        ("read:user", ("repo", "admin:repo_hook")),
    ],
)
def test_scopes_that_were_not_granted(granted: str, missing: tuple[str, ...]) -> None:
    provider = get_provider("github")
    assert declared_by(provider).missing_scopes(Values(provider, {}), granted) == missing


def test_scope_that_asks_for_a_refresh_token_is_no_right() -> None:
    provider = get_provider("salesforce")
    assert declared_by(provider).missing_scopes(Values(provider, {}), "api id") == ()


class TestCustom:
    """Any API: the kind of authentication decides who gets the tokens."""

    PROVIDER = get_provider("custom")
    DECLARED = declared_by(PROVIDER)

    def values(self, **changed: str) -> Values:
        return Values(self.PROVIDER, {**examples(self.PROVIDER), "auth_type": "oauth2_code", **changed})

    @pytest.mark.parametrize(
        ("auth_type", "used", "agreed", "by_itself", "refreshes"),
        [
            ("bearer", False, False, True, False),
            ("oauth2", True, False, True, False),
            ("oauth2_code", True, True, False, True),
        ],
    )
    def test_who_gets_the_tokens(
        self, auth_type: str, used: bool, agreed: bool, by_itself: bool, refreshes: bool
    ) -> None:
        values = self.values(auth_type=auth_type)
        assert self.DECLARED.is_used_by(values) is used
        assert self.DECLARED.people_agree_to(values) is agreed
        assert self.DECLARED.asks_by_itself(values) is by_itself
        assert self.DECLARED.has_refresh_token(values) is refreshes

    def test_page_where_people_agree_keeps_its_own_parameters(self) -> None:
        values = self.values(authorize_url="https://login.example.com/auth?access_type=offline")
        url = authorization_url(
            self.DECLARED, values, app=APP, state="the-state", verifier="v" * 96, redirect_uri="https://s.example/cb"
        )
        asked = {name: found[0] for name, found in parse_qs(urlsplit(url).query).items()}
        assert asked["access_type"] == "offline"
        assert (asked["state"], asked["scope"]) == ("the-state", "read:tickets write:tickets")
        assert asked["code_challenge_method"] == "S256"

    def test_proof_key_can_be_left_out(self) -> None:
        values = self.values(pkce="off")
        url = authorization_url(self.DECLARED, values, app=APP, state="s", verifier="v" * 96, redirect_uri="https://s")
        assert "code_challenge" not in url

    @pytest.mark.parametrize(
        "query", ["?state=x", "?a=b&redirect_uri=https://evil.example", "?client_id=x", "?code_challenge_method=plain"]
    )
    def test_parameters_of_the_protocol_are_not_given_by_hand(self, query: str) -> None:
        problems = self.PROVIDER.problems({"authorize_url": f"https://login.example.com/auth{query}"})
        assert problems["authorize_url"] == [
            "Without client_id, redirect_uri, response_type, scope, state and code_challenge: they are added."
        ]
        assert "authorize_url" not in self.PROVIDER.problems({"authorize_url": "https://a.example/auth?restate=1"})

    def test_environment_with_an_app_alone_is_nobodys_credentials(self) -> None:
        named = {"base_url", "token_url", "authorize_url", "client_id", "client_secret"}
        fields = {name: value for name, value in examples(self.PROVIDER).items() if name in named}
        variables = {f"SIGNALBOX_CUSTOM_{name}".upper(): value for name, value in fields.items()}
        by_code = environment_values(self.PROVIDER, {**variables, "SIGNALBOX_CUSTOM_AUTH_TYPE": "oauth2_code"})
        by_itself = environment_values(self.PROVIDER, {**variables, "SIGNALBOX_CUSTOM_AUTH_TYPE": "oauth2"})
        assert (by_code.is_complete, by_itself.is_complete) == (False, True)
