"""Testing Intercom: whose the token is, and whether the workspace is in the region that was chosen.

Read from Intercom's OpenAPI description (2.15): https://developers.intercom.com/docs/references/rest-api/api.intercom.io/admins.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from integrations.providers.access_tokens import with_access_token
from integrations.providers.answers import MAX_WAIT, Answer
from integrations.providers.client import ProviderClient, bearer
from integrations.providers.connection_test import ConnectionReport, number_in, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

DEFAULT_REGION: Final = "us"
REGIONS: Final = (("us", "United States"), ("eu", "Europe"), ("au", "Australia"))
_HOSTS: Final = {"us": "api.intercom.io", "eu": "api.eu.intercom.io", "au": "api.au.intercom.io"}
# Left out, the app's own setting decides how answers look.
VERSION: Final = "2.15"
_CREDENTIALS: Final = frozenset(
    {
        *("unauthorized", "token_not_found", "token_suspended", "token_revoked", "token_blocked", "token_expired"),
        "missing_authorization",
    }
)
_MEANINGS: Final = {
    "api_plan_restricted": "The workspace's plan does not include this.",
    "action_forbidden": "The app may not do this: tick the permission in the Developer Hub.",
    "forbidden": "The app may not do this: tick the permission in the Developer Hub.",
    "token_unauthorized": "The app may not do this: tick the permission in the Developer Hub.",
}


def read_workspace(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the teammate and the workspace of the token, which neither ends nor can be renewed."""
    return with_access_token(client, values, partial(_read, client, values), None)


def origin(values: Values) -> str:
    return f"https://{_HOSTS[values['region']]}"


def headers_of(token: str) -> dict[str, str]:
    return {"Authorization": bearer(token), "Intercom-Version": VERSION, "Accept": "application/json"}


def _read(client: ProviderClient, values: Values, token: str) -> ConnectionReport:
    answer = client.get(f"{origin(values)}/me", headers=headers_of(token), explain=explain)
    found = answer.json_object()
    workspace, region = text_in(found, "app", "id_code"), text_in(found, "app", "region").lower()
    if not text_in(found, "id") or not workspace:
        raise answer.unexpected("it names no teammate and workspace")
    if region and region != values["region"]:
        message = f"The workspace is in the region {region}, and not in {values['region']}: choose {region}."
        raise ProviderError(Result.WRONG_HOST, message, status=answer.status)
    who = text_in(found, "name") or text_in(found, "email") or text_in(found, "id")
    where = text_in(found, "app", "name") or workspace
    return ConnectionReport(
        identity=f"{who} in {where}",
        data={
            "admin_id": text_in(found, "id"),
            "email": text_in(found, "email"),
            "workspace_id": workspace,
            "workspace": text_in(found, "app", "name"),
            "region": region,
            "time_zone": text_in(found, "app", "timezone"),
        },
    )


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of Intercom's means; None where its status says it."""
    if answer.is_success:
        return None
    code, said = _error_in(answer)
    words = f" Intercom says: {said} ({code})." if code else ""
    if answer.status == 429 or code == "rate_limit_exceeded":
        message = f"Intercom wants fewer requests.{words}"
        return ProviderError(Result.RATE_LIMITED, message, _wait(answer), code=code, status=answer.status)
    if answer.status >= 500 or answer.looks_like_html:
        return None
    if code in _MEANINGS:
        message = f"{_MEANINGS[code]}{words}"
        return ProviderError(Result.MISSING_PERMISSION, message, code=code, status=answer.status)
    if code in _CREDENTIALS or answer.status == 401:
        message = (
            f"Intercom does not accept the access token: it is wrong, was revoked, or is of another region.{words}"
        )
        return ProviderError(Result.BAD_CREDENTIALS, message, code=code, status=answer.status)
    return None


def _error_in(answer: Answer) -> tuple[str, str]:
    """Return code and words of the first error of an `error.list`."""
    errors = answer.object_or_empty().get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", ""
    return text_in(first, "code")[:50], " ".join(text_in(first, "message").split()).rstrip(".")[:300]


def _wait(answer: Answer) -> float | None:
    """Return the seconds until the time that Intercom names instead of a wait."""
    reset = number_in(answer.headers, "x-ratelimit-reset")
    if answer.retry_after is not None or reset is None:
        return answer.retry_after
    return min(max(reset - time.time(), 0.0), MAX_WAIT)
