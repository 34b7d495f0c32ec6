"""Testing Zendesk: whose the token is, and whether that is an agent.

Who is not logged in is a user, too, with status 200 and without an ID. A user's record holds a token against forged
requests: nothing but the named facts is taken. Read from Zendesk's OpenAPI description:
https://developer.zendesk.com/api-reference/ticketing/users/users/#show-self.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Final

from integrations.providers.access_tokens import Meanings, ask_for_token, with_access_token
from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient, basic, bearer
from integrations.providers.connection_test import ConnectionReport, number_in, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

DOMAIN: Final = ".zendesk.com"
END_OF_API_TOKENS: Final = datetime(2027, 4, 30, tzinfo=UTC)
# A token without an end would stay behind after each test.
TOKEN_SECONDS: Final = 1800
_END_USER: Final = "end-user"
_TOKEN_MEANINGS: Final[Meanings] = {
    "invalid_client": (
        Result.BAD_CREDENTIALS,
        "The client ID (its identifier, not its name) or the client secret is wrong.",
    ),
    "unauthorized_client": (Result.MISSING_PERMISSION, "The client must be confidential to ask without a person."),
}


def read_user(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the token's own user, which must be an agent or admin.

    An access token comes before the API token. With neither, or where the former has ended, a token is asked for with
    client credentials. A refresh token is never used here: each use replaces it.
    """
    if "access_token" not in values and "api_token" in values:
        # What can be used no longer is told as the integration's end.
        authorization = basic(f"{values['email']}/token", values["api_token"])
        return _read(client, values, authorization, expires_at=END_OF_API_TOKENS)
    renew = None
    if "client_secret" in values and "refresh_token" not in values:
        renew = partial(client_credentials, client, values)
    return with_access_token(client, values, partial(_read_with_token, client, values), renew)


def client_credentials(client: ProviderClient, values: Values) -> str:
    """Return an access token of the user who made the OAuth client. It replaces nothing, and ends after half an hour."""
    asked: dict[str, str | int] = {
        "grant_type": "client_credentials",
        "client_id": values["client_id"],
        "client_secret": values["client_secret"],
        "scope": "read",
        "expires_in": TOKEN_SECONDS,
    }
    return ask_for_token(client, f"{origin(values)}/oauth/tokens", asked, _TOKEN_MEANINGS, as_json=True)


def origin(values: Values) -> str:
    return f"https://{values['subdomain']}{DOMAIN}"


def _read_with_token(client: ProviderClient, values: Values, token: str) -> ConnectionReport:
    return _read(client, values, bearer(token))


def _read(
    client: ProviderClient, values: Values, authorization: str, expires_at: datetime | None = None
) -> ConnectionReport:
    answer = client.get(
        f"{origin(values)}/api/v2/users/me",
        headers={"Authorization": authorization, "Accept": "application/json"},
        explain=explain,
    )
    found = answer.json_object().get("user")
    if not isinstance(found, dict):
        raise answer.unexpected("it names no user")
    if number_in(found, "id") is None:
        message = "Zendesk takes the credentials for nobody's: they are wrong, or have ended."
        raise ProviderError(Result.BAD_CREDENTIALS, message, status=answer.status)
    who, role = text_in(found, "name") or text_in(found, "email") or text_in(found, "id"), text_in(found, "role")
    if role == _END_USER:
        message = f"{who}, to whom the credentials belong, is an end user: use those of an agent or admin."
        raise ProviderError(Result.MISSING_PERMISSION, message, status=answer.status)
    names = ("email", "role", "time_zone", "ticket_restriction")
    return ConnectionReport(
        identity=f"{who} at {values['subdomain']}{DOMAIN}",
        data={"user_id": number_in(found, "id"), **{name: text_in(found, name) for name in names}},
        message=_message(values, who, has_end=expires_at is not None),
        expires_at=expires_at,
    )


def _message(values: Values, who: str, *, has_end: bool) -> str:
    end = " API tokens end on 30 April 2027: connect by OAuth before that day." if has_end else ""
    return f"Connected as {who} at {values['subdomain']}{DOMAIN}.{end}"


def explain(answer: Answer) -> ProviderError | None:
    """Say what a refusal of Zendesk's means; None where its status says it."""
    status, said = answer.status, answer.words().rstrip(".")
    words = f" Zendesk says: {said}." if said else ""
    if status == 404 or 300 <= status <= 399:
        message = "There is no Zendesk at this address: check the subdomain."
        return ProviderError(Result.WRONG_HOST, message, status=status)
    if answer.looks_like_html:
        return None
    if status == 401:
        message = f"Zendesk does not accept the credentials: they are wrong, were revoked, or have ended.{words}"
        return ProviderError(Result.BAD_CREDENTIALS, message, status=status)
    if status == 403:
        message = f"The credentials may not do this: the user's role or the token's scope (read) lacks it.{words}"
        return ProviderError(Result.MISSING_PERMISSION, message, status=status)
    return None
