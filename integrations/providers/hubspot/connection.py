"""Testing HubSpot: which account the token belongs to, and which scopes it lacks.

Errors name a category, limits a policy: https://developers.hubspot.com/docs/api-reference/error-handling.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from integrations.providers.access_tokens import Meanings, ask_for_token, with_access_token
from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient, bearer
from integrations.providers.connection_test import ConnectionReport, number_in, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

# One host for accounts of every region.
API: Final = "https://api.hubapi.com"
DEFAULT_REGION: Final = "na1"
REGIONS: Final = ((DEFAULT_REGION, "app.hubspot.com"), ("eu1", "Europe, app-eu1.hubspot.com"))
TOKEN_URL: Final = f"{API}/oauth/2026-03/token"
_FACTS: Final = ("accountType", "companyCurrency", "timeZone", "dataHostingLocation", "uiDomain")
_CREDENTIALS: Final = frozenset({"INVALID_AUTHENTICATION", "EXPIRED_AUTHENTICATION"})
# What a policy counts by tells how long to wait; the day ends in the account's own time zone, so it is asked about again.
_WAITS: Final = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0, "DAILY": 900.0}
_LOCKED_WAIT: Final = 2.0
_LOCKED: Final = 423
_BEING_MOVED: Final = 477
_MOST_SCOPES_NAMED: Final = 10
_TOKEN_MEANINGS: Final[Meanings] = {
    "invalid_grant": (Result.BAD_CREDENTIALS, "The refresh token is not valid (any more): connect the account again."),
}


def read_account(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the account that the token belongs to, which needs no scope of its own.

    Without a token, or where it has ended, one is asked for with the refresh token, which stays the same.
    """
    renewable = {"client_id", "client_secret", "refresh_token"} <= set(values)
    renew = partial(refreshed, client, values) if renewable else None
    return with_access_token(client, values, partial(_read, client, values), renew)


def refreshed(client: ProviderClient, values: Values) -> str:
    """Return a new access token, which lives for half an hour."""
    form = {
        "grant_type": "refresh_token",
        "client_id": values["client_id"],
        "client_secret": values["client_secret"],
        "refresh_token": values["refresh_token"],
    }
    return ask_for_token(client, TOKEN_URL, form, _TOKEN_MEANINGS)


def _read(client: ProviderClient, values: Values, token: str) -> ConnectionReport:
    answer = client.get(f"{API}/account-info/v3/details", headers={"Authorization": bearer(token)}, explain=explain)
    found = answer.json_object()
    portal = number_in(found, "portalId")
    if portal is None:
        raise answer.unexpected("it names no account")
    wanted = values.get("portal_id")
    if wanted and int(wanted) != portal:
        message = f"The token belongs to account {portal}, and not to {wanted}: check the account ID."
        raise ProviderError(Result.WRONG_HOST, message, status=answer.status)
    name = text_in(found, "portalName")
    return ConnectionReport(
        identity=f"{name} ({portal})" if name else f"Account {portal}",
        data={"portal_id": portal, **{fact: text_in(found, fact) for fact in _FACTS if text_in(found, fact)}},
    )


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of HubSpot's means; None where its status says it."""
    if answer.is_success:
        return None
    body = answer.object_or_empty()
    category, status = text_in(body, "category"), answer.status
    if status == 429:
        policy = text_in(body, "policyName")
        wait = answer.retry_after if answer.retry_after is not None else _WAITS.get(policy)
        which = "for the day" if policy == "DAILY" else f"({policy or 'it does not say which'})"
        message = f"HubSpot wants fewer requests: the account has reached its limit {which}."
        return ProviderError(Result.RATE_LIMITED, message, wait, code=policy, status=status)
    if status in {_LOCKED, _BEING_MOVED}:
        why = "is locked for a moment" if status == _LOCKED else "is being moved to another data centre"
        wait = answer.retry_after if answer.retry_after is not None or status == _BEING_MOVED else _LOCKED_WAIT
        return ProviderError(Result.PROVIDER_DOWN, f"The account {why} ({status}).", wait, status=status)
    if category in _CREDENTIALS:
        what = "has ended" if category == "EXPIRED_AUTHENTICATION" else "is not accepted: it is wrong or was revoked"
        message = f"The access token {what}. HubSpot's error is {category}."
        return ProviderError(Result.BAD_CREDENTIALS, message, code=category, status=status)
    if category == "MISSING_SCOPES":
        scopes = ", ".join(_scopes_in(body)) or "that this needs"
        message = f"The token lacks the scopes {scopes}: add them to the service key or app."
        return ProviderError(Result.MISSING_PERMISSION, message, code=category, status=status)
    return None


def _scopes_in(body: dict[str, object]) -> list[str]:
    errors = body.get("errors")
    scopes: list[str] = []
    for error in errors if isinstance(errors, list) else []:
        context = error.get("context") if isinstance(error, dict) else None
        needed = context.get("requiredGranularScopes") if isinstance(context, dict) else None
        scopes += [scope for scope in needed if isinstance(scope, str)] if isinstance(needed, list) else []
    return list(dict.fromkeys(scopes))[:_MOST_SCOPES_NAMED]
