"""Testing a WhatsApp sender: its phone number id must be readable with the token.

Errors of the Graph API: https://developers.facebook.com/docs/graph-api/guides/error-handling. Read by code alone: status
and text differ between versions.
"""

from __future__ import annotations

import json
from typing import Final

from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient, bearer
from integrations.providers.connection_test import ConnectionReport, number_in, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

HOST: Final = "https://graph.facebook.com"
DEFAULT_VERSION: Final = "v23.0"
_FACTS: Final = ("display_phone_number", "verified_name", "quality_rating", "code_verification_status", "name_status")
_TOKEN: Final = frozenset({0, 102, 104, 190})
_EXPIRED: Final = frozenset({463, 467})
_PERMISSION: Final = frozenset({3, 10, 368, 131005, 131031, *range(200, 300)})
_LIMITS: Final = frozenset({4, 17, 32, 341, 613, 80007, 130429, 131056})
_DOWN: Final = frozenset({1, 2, 131000, 131016, 131057, 133004})


def read_phone_number(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the sender's number: free, and sends nothing."""
    number_id = values["phone_number_id"]
    answer = client.get(
        f"{HOST}/{values['api_version']}/{number_id}",
        headers={"Authorization": bearer(values["access_token"])},
        params={"fields": ",".join(("id", *_FACTS))},
        explain=explain,
    )
    found = answer.json_object()
    if text_in(found, "id") != number_id or not (shown := text_in(found, "display_phone_number")):
        raise answer.unexpected("it names no phone number")
    name = text_in(found, "verified_name")
    return ConnectionReport(
        identity=f"{name} ({shown})" if name else shown,
        data={fact: text_in(found, fact) for fact in _FACTS if text_in(found, fact)},
    )


def explain(answer: Answer) -> ProviderError | None:
    """Say what an answer of the Graph API means; None for one that is no error of its own."""
    error = answer.object_or_empty().get("error")
    code = number_in(error, "code") if isinstance(error, dict) else None
    if not isinstance(error, dict) or code is None:
        return None
    subcode = number_in(error, "error_subcode")
    said = " ".join(text_in(error, "message").split())
    named = f"code {code}" + (f", subcode {subcode}" if subcode else "")
    result, sentence = _meaning(code, subcode, is_transient=error.get("is_transient") is True)
    wait = answer.retry_after or wait_by_usage(answer) if result is Result.RATE_LIMITED else None
    return ProviderError(
        result, f"{sentence} Meta says: {said or 'nothing'} ({named}).", wait, code=str(code), status=answer.status
    )


def _meaning(code: int, subcode: int | None, *, is_transient: bool) -> tuple[Result, str]:
    if code in _TOKEN:
        if subcode in _EXPIRED:
            return Result.BAD_CREDENTIALS, "The access token has ended: generate one of a system user, without expiry."
        return Result.BAD_CREDENTIALS, "Meta does not accept the access token."
    if code in _PERMISSION:
        return (
            Result.MISSING_PERMISSION,
            "The access token may not do this: give its system user the app and the account.",
        )
    if code in _LIMITS:
        return Result.RATE_LIMITED, "Meta wants fewer requests."
    if code in _DOWN or is_transient:
        return Result.PROVIDER_DOWN, "Meta has a problem of its own."
    if code == 803 or (code, subcode) == (100, 33):
        return Result.WRONG_HOST, "Meta does not know this phone number ID, or the token may not see it."
    return Result.WRONG_HOST, "Meta does not understand the request: check the phone number ID and the version."


def wait_by_usage(answer: Answer) -> float | None:
    """Read the usage header's estimate, which is in minutes, and return seconds; None where there is none."""
    try:
        usage = json.loads(answer.headers.get("x-business-use-case-usage", "{}"))
        entries = [entry for entries in usage.values() for entry in entries]
        minutes = max(int(entry["estimated_time_to_regain_access"]) for entry in entries)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    return min(max(minutes, 0) * 60.0, 86400.0) or None
