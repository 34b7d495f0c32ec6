"""Testing Zoho CRM: which organisation the token opens.

Errors carry a code: https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from integrations.providers.access_tokens import with_access_token
from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient
from integrations.providers.connection_test import ConnectionReport, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values
from integrations.providers.zoho_accounts import can_be_refreshed, headers_of, refreshed

_HOSTS: Final = {"production": "www", "sandbox": "sandbox", "developer": "developer"}
_ENDED: Final = "The access token is wrong, has ended, or is of another data centre."
_MEANINGS: Final = {
    "INVALID_TOKEN": (Result.BAD_CREDENTIALS, _ENDED),
    "AUTHENTICATION_FAILURE": (Result.BAD_CREDENTIALS, _ENDED),
    "OAUTH_SCOPE_MISMATCH": (Result.MISSING_PERMISSION, "The token lacks a scope: the test needs ZohoCRM.org.READ."),
    "NO_PERMISSION": (Result.MISSING_PERMISSION, "The token's user may not do this."),
    "TOO_MANY_REQUESTS": (
        Result.RATE_LIMITED,
        "Zoho CRM wants fewer requests at once, or the day's credits are used up.",
    ),
    "LIMIT_EXCEEDED": (Result.RATE_LIMITED, "The organisation's credits are used up."),
    "INTERNAL_ERROR": (Result.PROVIDER_DOWN, "Zoho CRM has a problem of its own."),
}


def read_organisation(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the organisation. Without a token, or where it has ended, one is made with the refresh token."""
    renew = partial(refreshed, client, values) if can_be_refreshed(values) else None
    return with_access_token(client, values, partial(_read, client, values), renew)


def api_address(values: Values) -> str:
    """Return where the API of this data centre and environment answers, without a trailing slash."""
    return f"https://{_HOSTS[values['environment']]}.zohoapis.{values['data_centre']}/crm/v8"


def _read(client: ProviderClient, values: Values, token: str) -> ConnectionReport:
    answer = client.get(f"{api_address(values)}/org", headers=headers_of(token), explain=explain)
    organisations = answer.json_object().get("org")
    found = organisations[0] if isinstance(organisations, list) and organisations else None
    if not isinstance(found, dict) or not (number := text_in(found, "id")):
        raise answer.unexpected("it names no organisation")
    name = text_in(found, "company_name")
    facts = {
        "organisation": name,
        "organisation_id": number,
        "currency": text_in(found, "iso_code"),
        "time_zone": text_in(found, "time_zone"),
        "edition": text_in(found, "license_details", "paid_type"),
    }
    return ConnectionReport(
        identity=name or f"Organisation {number}", data={fact: text for fact, text in facts.items() if text}
    )


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of Zoho CRM's means, whatever its status; None for one without a known code."""
    body = answer.object_or_empty()
    code = text_in(body, "code")
    if text_in(body, "status") != "error" or code not in _MEANINGS:
        return None
    result, sentence = _MEANINGS[code]
    wait = answer.retry_after if result in {Result.RATE_LIMITED, Result.PROVIDER_DOWN} else None
    said = " ".join(text_in(body, "message").split())[:300]
    return ProviderError(result, f"{sentence} Zoho says: {said} ({code}).", wait, code=code, status=answer.status)
