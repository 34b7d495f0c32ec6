"""Testing Pipedrive: whose the token is, and whether it is of the company that is meant.

Read from Pipedrive's OpenAPI description (v1): https://developers.pipedrive.com/docs/api/v1/Users. Limits:
https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from integrations.providers.access_tokens import with_access_token
from integrations.providers.answers import Answer, seconds_to_wait
from integrations.providers.client import ProviderClient, bearer
from integrations.providers.connection_test import ConnectionReport, number_in, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

DOMAIN: Final = ".pipedrive.com"
# The day's budget is filled up at midnight of a time zone that the answer does not name, so it is asked about again.
DAILY_WAIT: Final = 900.0
# Who goes on after 429 is stopped by the proxy before the API.
BLOCKED_WAIT: Final = 300.0


def read_user(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the token's own user and company.

    An access token comes before the API token. A refresh token is never used here: a new one may come in its place.
    """
    if "access_token" not in values and "api_token" in values:
        # As a parameter of the address it would be written into logs.
        return _read(client, values, {"x-api-token": values["api_token"]})
    return with_access_token(client, values, partial(_read_with_token, client, values), None)


def origin(values: Values) -> str:
    """Return where the company's API answers; tokens of OAuth2 name the same host as their `api_domain`."""
    return f"https://{values['company_domain']}{DOMAIN}"


def _read_with_token(client: ProviderClient, values: Values, token: str) -> ConnectionReport:
    return _read(client, values, {"Authorization": bearer(token)})


def _read(client: ProviderClient, values: Values, headers: dict[str, str]) -> ConnectionReport:
    headers = {"Accept": "application/json", **headers}
    answer = client.get(f"{origin(values)}/api/v1/users/me", headers=headers, explain=explain)
    body = answer.json_object()
    found = body.get("data")
    if body.get("success") is not True or not isinstance(found, dict) or number_in(found, "id") is None:
        raise answer.unexpected("it names no user")
    domain, wanted = text_in(found, "company_domain").lower(), values["company_domain"]
    if domain and domain != wanted:
        message = f"The token belongs to the company {domain}, and not to {wanted}: check the company domain."
        raise ProviderError(Result.WRONG_HOST, message, status=answer.status)
    who = text_in(found, "name") or text_in(found, "email") or f"user {text_in(found, 'id')}"
    company = text_in(found, "company_name") or wanted
    names = ("email", "company_name", "company_domain", "default_currency", "timezone_name")
    return ConnectionReport(
        identity=f"{who} in {company}",
        data={
            "user_id": number_in(found, "id"),
            "company_id": number_in(found, "company_id"),
            **{name: text_in(found, name) for name in names},
        },
    )


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of Pipedrive's means; None where its status says it."""
    status, said = answer.status, answer.words().rstrip(".")
    words = f" Pipedrive says: {said}." if said else ""
    if status == 429:
        return _too_many(answer)
    if status == 403 and answer.looks_like_html:
        message = "Pipedrive's proxy holds requests back, because they went on after a limit: wait for some minutes."
        return ProviderError(Result.RATE_LIMITED, message, _wait(answer, BLOCKED_WAIT), status=status)
    if answer.looks_like_html:
        return None
    if status == 401:
        message = f"Pipedrive does not accept the token: it is wrong, was renewed, or has ended.{words}"
        return ProviderError(Result.BAD_CREDENTIALS, message, status=status)
    if status == 402:
        message = f"The company's account is not open: its trial or its subscription may have ended.{words}"
        return ProviderError(Result.MISSING_PERMISSION, message, status=status)
    if status == 403:
        message = f"The token may not do this: the user or the app lacks a permission or scope.{words}"
        return ProviderError(Result.MISSING_PERMISSION, message, status=status)
    return None


def _too_many(answer: Answer) -> ProviderError:
    if number_in(answer.headers, "x-daily-ratelimit-token-remaining") == 0:
        message = "The company's budget of requests for the day is used up."
        return ProviderError(Result.RATE_LIMITED, message, _wait(answer, DAILY_WAIT), status=429)
    wait = _wait(answer, seconds_to_wait(answer.headers.get("x-ratelimit-reset", "")))
    return ProviderError(Result.RATE_LIMITED, "Pipedrive wants fewer requests at once.", wait, status=429)


def _wait(answer: Answer, otherwise: float | None) -> float | None:
    return otherwise if answer.retry_after is None else answer.retry_after
