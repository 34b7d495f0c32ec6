"""The requests of OAuth2: the address where a person agrees, and those to the token address. Nothing is stored here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

from environ.fileaware_mapping import FileAwareMapping
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import WebApplicationClient

from integrations.providers.answers import Answer
from integrations.providers.base import Provider
from integrations.providers.client import ProviderClient, basic
from integrations.providers.connection_test import text_in
from integrations.providers.environment import environment_values
from integrations.providers.oauth2 import ClientAuthentication, OAuth2
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

_TOKEN: Final = re.compile(r"[!-~]{1,16000}")
_LONGEST_LIFE: Final = 10 * 365 * 24 * 3600
_VERIFIER_LENGTH: Final = 96
_MEANINGS: Final = {
    "invalid_grant": (Result.BAD_CREDENTIALS, "What was agreed to is not valid (any more): connect again."),
    "invalid_client": (Result.BAD_CREDENTIALS, "Client ID or client secret are not accepted."),
    "unauthorized_client": (Result.MISSING_PERMISSION, "The app may not get tokens in this way."),
    "unsupported_grant_type": (Result.MISSING_PERMISSION, "The app may not get tokens in this way."),
    "invalid_scope": (Result.MISSING_PERMISSION, "The app may not have these scopes."),
    "access_denied": (Result.MISSING_PERMISSION, "Access was denied."),
    "temporarily_unavailable": (Result.PROVIDER_DOWN, "It has a problem of its own."),
    "server_error": (Result.PROVIDER_DOWN, "It has a problem of its own."),
}


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An app at the provider; its secrets in the order in which they are tried. Its repr shows none."""

    client_id: str
    secrets: tuple[str, ...] = field(repr=False)
    is_platforms: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token address gave. `lifetime` is None for tokens that do not end. Its repr shows none."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    lifetime: timedelta | None
    scope: str = ""
    account: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    by_previous_secret: bool = False
    """Whether the app's newest secret was not accepted, and an older one was."""


def app_of(
    provider: Provider, declared: OAuth2, values: Values, variables: Mapping[str, str] | None = None
) -> OAuthApp | None:
    """Return the integration's own app, else the platform's from the environment; None where there is neither.

    The platform's is `SIGNALBOX_<PROVIDER>_CLIENT_ID` and `_CLIENT_SECRET`; `_CLIENT_SECRET_PREVIOUS` is tried after it,
    so that a secret can be replaced without a gap; an app of one's own has the same slot. Each may be a mounted file
    (`…_FILE`). The platform's is not for a host that the integration names and the platform does not.
    """
    own_id, own_secret = values.get(declared.client_id_field), values.get(declared.client_secret_field)
    if own_id and own_secret:
        own_secrets = (own_secret, values.get(declared.previous_secret_field, own_secret))
        return OAuthApp(own_id, tuple(dict.fromkeys(own_secrets)), is_platforms=False)
    if not _is_the_platforms_address(provider, declared, values, variables):
        return None
    source = FileAwareMapping(os.environ if variables is None else dict(variables), cache=False)
    fields = {known.name: known for known in provider.fields}

    def read(name: str, declared_name: str = "") -> str:
        older = fields[declared_name].environment if declared_name in fields else ()
        names = (f"SIGNALBOX_{provider.key}_{name}".upper(), *older)
        return next(filter(None, (_read(source, variable) for variable in names)), "")

    client_id = read("client_id", declared.client_id_field)
    current, previous = read("client_secret", declared.client_secret_field), read("client_secret_previous")
    secrets = tuple(dict.fromkeys(secret for secret in (current, previous) if secret))
    return OAuthApp(client_id, secrets, is_platforms=True) if client_id and secrets else None


def _is_the_platforms_address(
    provider: Provider, declared: OAuth2, values: Values, variables: Mapping[str, str] | None
) -> bool:
    name = declared.free_address_field
    if not name:
        return True
    return Values(provider, environment_values(provider, variables).values).get(name) == values.get(name)


def _read(source: Mapping[str, str], name: str) -> str:
    try:
        return str(source.get(name, "")).strip()
    except OSError:  # a mounted secret that cannot be read; `import_env_credentials` says so
        return ""


def new_verifier() -> str:
    """Return a proof key that nobody can guess (RFC 7636, section 4.1)."""
    return str(WebApplicationClient("").create_code_verifier(_VERIFIER_LENGTH))


def authorization_url(
    declared: OAuth2, values: Values, *, app: OAuthApp, state: str, verifier: str, redirect_uri: str
) -> str:
    """Return where a person has to go to agree."""
    asked = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        **declared.authorize_parameters,
    }
    if scope := declared.scope_of(values):
        asked["scope"] = scope
    if declared.sends_proof_key(values):
        challenge = WebApplicationClient(app.client_id).create_code_challenge(verifier, "S256")
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    return str(add_params_to_uri(declared.authorize_url_of(values), list(asked.items())))


def exchange_code(
    provider: Provider,
    declared: OAuth2,
    values: Values,
    *,
    app: OAuthApp,
    code: str,
    verifier: str,
    redirect_uri: str,
) -> Tokens:
    """Trade the code that the callback brought for tokens. Raises ProviderError."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if declared.sends_proof_key(values):
        form["code_verifier"] = verifier
    return _ask(provider, declared, values, app, form, secrets=(code, verifier))


def renewed_tokens(provider: Provider, declared: OAuth2, values: Values, *, app: OAuthApp) -> Tokens:
    """Get a new access token by the refresh token, or by client credentials where there is none. Raises ProviderError."""
    if declared.has_refresh_token(values):
        form = {"grant_type": "refresh_token", "refresh_token": values[declared.refresh_token_field]}
    else:
        form = {"grant_type": "client_credentials"}
        if scope := declared.scope_of(values):
            form["scope"] = scope
    return _ask(provider, declared, values, app, form, secrets=())


def _ask(
    provider: Provider,
    declared: OAuth2,
    values: Values,
    app: OAuthApp,
    form: Mapping[str, str],
    *,
    secrets: tuple[str, ...],
) -> Tokens:
    """Ask with the app's secrets one after the other for as long as the client itself is refused."""
    with ProviderClient(provider, values, secrets=[*app.secrets, *secrets]) as client:
        newest, *older = app.secrets
        try:
            return _ask_once(client, declared, values, app.client_id, newest, form)
        except ProviderError as error:
            if error.code != "invalid_client" or not older:
                raise
        return replace(_ask_once(client, declared, values, app.client_id, older[0], form), by_previous_secret=True)


def _ask_once(
    client: ProviderClient, declared: OAuth2, values: Values, client_id: str, secret: str, form: Mapping[str, str]
) -> Tokens:
    headers = {"Accept": "application/json"}
    sent: dict[str, str | int] = {**form, **declared.token_parameters}
    if declared.client_authentication_of(values) is ClientAuthentication.BASIC:
        headers["Authorization"] = basic(quote(client_id, safe=""), quote(secret, safe=""))
    else:
        sent |= {"client_id": client_id, "client_secret": secret}

    def explain(answer: Answer) -> ProviderError | None:
        own = declared.explain(answer) if declared.explain else None
        return own or explain_token_error(answer)

    url = declared.token_url_of(values)
    if declared.sends_json:
        answer = client.post(url, headers=headers, json=sent, explain=explain)
    else:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = client.post(url, headers=headers, data=urlencode(sent).encode(), explain=explain)
    try:
        return _tokens_in(answer, declared)
    except ProviderError as error:
        raise client.scrubbed(error) from None


def explain_token_error(answer: Answer) -> ProviderError | None:
    """Read RFC 6749's error (section 5.2) out of an answer of any status: some providers send it with 200."""
    code = text_in(answer.object_or_empty(), "error")
    if answer.status >= 500 or answer.status == 429 or not code:
        return None
    result, sentence = _MEANINGS.get(code, (Result.BAD_CREDENTIALS, "No token was given."))
    said = text_in(answer.object_or_empty(), "error_description")[:200].rstrip(".")
    words = f" {answer.label} says: {said}." if said else ""
    wait = answer.retry_after if result is Result.PROVIDER_DOWN else None
    return ProviderError(result, f"{sentence} The error is {code[:50]}.{words}", wait, code=code, status=answer.status)


def _tokens_in(answer: Answer, declared: OAuth2) -> Tokens:
    body = answer.json_object()
    access_token, refresh_token = text_in(body, "access_token"), text_in(body, "refresh_token")
    if not _TOKEN.fullmatch(access_token) or (refresh_token and not _TOKEN.fullmatch(refresh_token)):
        raise answer.unexpected("the token address gave no token")
    return Tokens(
        access_token=access_token,
        refresh_token=refresh_token if declared.refresh_token_field else "",
        lifetime=_lifetime(body.get("expires_in"), declared.lifetime),
        scope=text_in(body, "scope")[:1000],
        account=declared.account(body)[:200],
        facts=declared.facts(body),
    )


def _lifetime(told: object, otherwise: timedelta | None) -> timedelta | None:
    """Read `expires_in`, in seconds; some write the number as a text. What is no positive number was not told."""
    try:
        seconds = float(told) if isinstance(told, int | float | str) and not isinstance(told, bool) else 0.0
    except ValueError:
        seconds = 0.0
    return timedelta(seconds=min(seconds, _LONGEST_LIFE)) if seconds > 0 else otherwise
