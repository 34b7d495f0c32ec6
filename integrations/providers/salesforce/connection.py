"""Testing Salesforce: whose the token is, and whether this org's API answers it.

The REST API's errors are a list: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm.
The user's own resource refuses in plain text instead.
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

DEFAULT_VERSION: Final = "v66.0"
# The allowance rolls over 24 hours and nobody is told when some of it is free again.
ALLOWANCE_WAIT: Final = 900.0
_RUN_AS: Final = "For client credentials the app needs that flow switched on and a user to run as, and My Domain must be the org's own."
_TOKEN_MEANINGS: Final[Meanings] = {
    "invalid_grant": (Result.BAD_CREDENTIALS, _RUN_AS),
    "invalid_client_id": (Result.BAD_CREDENTIALS, "The consumer key is wrong, or of another org."),
    "invalid_client": (Result.BAD_CREDENTIALS, "The consumer secret is wrong."),
    "unsupported_grant_type": (Result.MISSING_PERMISSION, _RUN_AS),
}
_SESSION: Final = "The session has ended, or the token is of another org."
_MEANINGS: Final = {
    "INVALID_SESSION_ID": (Result.BAD_CREDENTIALS, _SESSION),
    "INVALID_AUTH_HEADER": (Result.BAD_CREDENTIALS, "The token is malformed."),
    "Bad_OAuth_Token": (Result.BAD_CREDENTIALS, _SESSION),
    "Missing_OAuth_Token": (Result.BAD_CREDENTIALS, "The token did not reach it."),
    "Inactive_User": (Result.BAD_CREDENTIALS, "The token's user is not active."),
    "Wrong_Org": (Result.WRONG_HOST, "The token is of another org: check My Domain."),
    "No_Access": (Result.MISSING_PERMISSION, "The token's user may not do this."),
    "API_DISABLED_FOR_ORG": (
        Result.MISSING_PERMISSION,
        "The org's edition has no API, or the user lacks “API Enabled”.",
    ),
    "API_CURRENTLY_DISABLED": (Result.MISSING_PERMISSION, "The user lacks the permission “API Enabled”."),
    "REQUEST_LIMIT_EXCEEDED": (Result.RATE_LIMITED, "The org has used up its requests, or makes too many at once."),
    "SERVER_UNAVAILABLE": (Result.PROVIDER_DOWN, "The org is busy or under maintenance."),
    "NOT_FOUND": (Result.WRONG_HOST, "The org does not know this: check the API version."),
}
# Reading the limits needs a permission of its own, which an integration may do without.
_NOT_NEEDED: Final = frozenset({"INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "FORBIDDEN"})


def read_user(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the token's user, then what is left of the org's requests, which proves that the API is open to it.

    Without a token, or where it has ended, one is asked for with client credentials. A refresh token is never used: some
    apps replace it with each use.
    """
    renew = None
    if "client_secret" in values and "refresh_token" not in values:
        renew = partial(client_credentials, client, values)
    return with_access_token(client, values, partial(_read, client, values), renew)


def client_credentials(client: ProviderClient, values: Values) -> str:
    """Return an access token of the app's run-as user. It replaces nothing."""
    form = {
        "grant_type": "client_credentials",
        "client_id": values["client_id"],
        "client_secret": values["client_secret"],
    }
    return ask_for_token(client, f"{origin(values)}/services/oauth2/token", form, _TOKEN_MEANINGS)


def origin(values: Values) -> str:
    return f"https://{values['my_domain']}"


def _read(client: ProviderClient, values: Values, token: str) -> ConnectionReport:
    answer = client.get(
        f"{origin(values)}/services/oauth2/userinfo", headers={"Authorization": bearer(token)}, explain=explain
    )
    found = answer.json_object()
    user, org = text_in(found, "preferred_username"), text_in(found, "organization_id")
    if not text_in(found, "user_id") or not org:
        raise answer.unexpected("it names no user and org")
    data: dict[str, object] = {"user_id": text_in(found, "user_id"), "organization_id": org, "username": user}
    data |= _requests_left(client, values, token)
    return ConnectionReport(identity=f"{user} in {org}" if user else org, data=data)


def _requests_left(client: ProviderClient, values: Values, token: str) -> dict[str, object]:
    url = f"{origin(values)}/services/data/{values['api_version']}/limits"
    try:
        answer = client.get(url, headers={"Authorization": bearer(token)}, explain=explain)
    except ProviderError as error:
        if error.code in _NOT_NEEDED:
            return {}
        raise
    limits = answer.json_object()
    if not isinstance(limits.get("DailyApiRequests"), dict):
        raise answer.unexpected("it names no limits")
    names = {"daily_requests": "Max", "daily_requests_left": "Remaining"}
    return {ours: number_in(limits, "DailyApiRequests", theirs) for ours, theirs in names.items()}


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of Salesforce's means; None where its status says it."""
    if answer.is_success:
        return None
    code, said = _error_in(answer)
    if code in _NOT_NEEDED:
        return ProviderError(Result.MISSING_PERMISSION, f"Salesforce says: {said}.", code=code, status=answer.status)
    if code not in _MEANINGS:
        return None
    result, sentence = _MEANINGS[code]
    wait = answer.retry_after if result in {Result.RATE_LIMITED, Result.PROVIDER_DOWN} else None
    if result is Result.RATE_LIMITED and wait is None:
        wait = ALLOWANCE_WAIT
    words = f"{code}: {said}" if said else code
    return ProviderError(result, f"{sentence} Salesforce says: {words}.", wait, code=code, status=answer.status)


def _error_in(answer: Answer) -> tuple[str, str]:
    try:
        found = answer.json()
    except ProviderError:
        return answer.text.strip()[:100], ""
    first = found[0] if isinstance(found, list) and found else found
    if not isinstance(first, dict):
        return "", ""
    return text_in(first, "errorCode"), " ".join(text_in(first, "message").split()).rstrip(".")[:300]
