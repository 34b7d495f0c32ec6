"""Testing Zoho Desk: which organisations the token opens, and whether the one that is meant is among them.

Errors carry a code: https://desk.zoho.com/DeskAPIDocument#Errors.
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
from integrations.providers.zoho_accounts import can_be_refreshed, headers_of, refreshed, zoho_host

_ENDED: Final = "The access token is wrong, has ended, or is of another data centre."
_MEANINGS: Final = {
    "INVALID_OAUTH": (Result.BAD_CREDENTIALS, _ENDED),
    "UNAUTHORIZED": (Result.BAD_CREDENTIALS, _ENDED),
    "SCOPE_MISMATCH": (Result.MISSING_PERMISSION, "The token lacks a scope: the test needs Desk.basic.READ."),
    "FORBIDDEN": (Result.MISSING_PERMISSION, "The token's user may not do this."),
    "LICENSE_ACCESS_LIMITED": (Result.MISSING_PERMISSION, "The organisation's edition does not include this."),
    "OAUTH_ORG_MISMATCH": (Result.WRONG_HOST, "The token is of another organisation: check the organisation ID."),
    "TOO_MANY_REQUESTS": (Result.RATE_LIMITED, "Zoho Desk wants fewer requests at once."),
    "THRESHOLD_EXCEEDED": (Result.RATE_LIMITED, "The organisation's credits for the day are used up."),
    "INTERNAL_SERVER_ERROR": (Result.PROVIDER_DOWN, "Zoho Desk has a problem of its own."),
}
_MOST_NAMED: Final = 20


def read_organisations(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the token's organisations, for which none has to be named.

    Without a token, or where it has ended, one is made with the refresh token.
    """
    renew = partial(refreshed, client, values) if can_be_refreshed(values) else None
    return with_access_token(client, values, partial(_read, client, values), renew)


def api_address(values: Values) -> str:
    """Return where the API of this data centre answers, without a trailing slash."""
    return f"https://{zoho_host('desk', values['data_centre'])}/api/v1"


def _read(client: ProviderClient, values: Values, token: str) -> ConnectionReport:
    answer = client.get(f"{api_address(values)}/organizations", headers=headers_of(token), explain=explain)
    listed = answer.json_object().get("data")
    found = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    by_id = {text_in(entry, "id"): entry for entry in found if text_in(entry, "id")}
    if not by_id:
        raise answer.unexpected("it names no organisation")
    named = ", ".join(list(by_id)[:_MOST_NAMED])
    wanted = values.get("org_id", "")
    if wanted and wanted not in by_id:
        message = f"The token does not open organisation {wanted}, but {named}: check the organisation ID."
        raise ProviderError(Result.WRONG_HOST, message, status=answer.status)
    used = wanted or next((number for number, entry in by_id.items() if _is_default(entry)), next(iter(by_id)))
    return _report(used, by_id[used], list(by_id)[:_MOST_NAMED], is_chosen=bool(wanted))


def _report(org_id: str, entry: dict[str, object], org_ids: list[str], *, is_chosen: bool) -> ConnectionReport:
    identity = text_in(entry, "companyName") or text_in(entry, "portalName") or f"Organisation {org_id}"
    message = ""
    if not is_chosen:
        message = f"Connected as {identity.rstrip('.')}. Enter the organisation ID: this one's is {org_id}."
    facts = {"portal": "portalName", "edition": "edition", "time_zone": "timeZone", "currency": "currencyCode"}
    data: dict[str, object] = {ours: text_in(entry, theirs) for ours, theirs in facts.items() if text_in(entry, theirs)}
    return ConnectionReport(identity=identity, data={"org_id": org_id, "org_ids": org_ids, **data}, message=message)


def _is_default(entry: dict[str, object]) -> bool:
    return str(entry.get("isDefault")).lower() == "true"


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of Zoho Desk's means, whatever its status; None for one without a known code."""
    body = answer.object_or_empty()
    code = text_in(body, "errorCode")
    if code not in _MEANINGS:
        return None
    result, sentence = _MEANINGS[code]
    wait = answer.retry_after if result in {Result.RATE_LIMITED, Result.PROVIDER_DOWN} else None
    said = " ".join(text_in(body, "message").split())[:300].rstrip(".")
    return ProviderError(result, f"{sentence} Zoho says: {said} ({code}).", wait, code=code, status=answer.status)
