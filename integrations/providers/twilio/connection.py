"""Testing Twilio credentials: the account must be readable, and active.

With an API key, which may not read the account, its list of messages is read instead. An account's own resource holds its
auth token: nothing but the named facts is taken from it. Errors: https://www.twilio.com/docs/api/errors.
"""

from __future__ import annotations

from typing import Final

from integrations.encryption.masking import mask
from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient, basic
from integrations.providers.connection_test import ConnectionReport, number_in, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

BASE: Final = "https://api.twilio.com/2010-04-01"
_MEANINGS: Final = {
    20003: (Result.BAD_CREDENTIALS, "Twilio does not accept the credentials."),
    20403: (Result.MISSING_PERMISSION, "The account may not do this: it may be suspended or closed."),
    20404: (Result.WRONG_HOST, "Twilio does not know this account SID."),
    20008: (
        Result.MISSING_PERMISSION,
        "These are test credentials: they create messages that go nowhere, and cannot read the account. Enter the live "
        "ones.",
    ),
    20429: (Result.RATE_LIMITED, "Twilio wants fewer requests."),
    20500: (Result.PROVIDER_DOWN, "Twilio has a problem of its own."),
    20503: (Result.PROVIDER_DOWN, "Twilio has a problem of its own."),
}


def read_account(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the account, or with an API key the newest message's entry; sends nothing."""
    account = f"{BASE}/Accounts/{values['account_sid']}"
    headers = {"Authorization": authorization(values)}
    if "api_key_sid" in values:
        answer = client.get(f"{account}/Messages.json", headers=headers, params={"PageSize": "1"}, explain=explain)
        if not isinstance(answer.json_object().get("messages"), list):
            raise answer.unexpected("it lists no messages")
        return ConnectionReport(
            identity=f"Account {mask(values['account_sid'])}",
            data={"credentials": "api key"},
            message=f"Connected to the account {mask(values['account_sid'])} with the API key.",
        )
    answer = client.get(f"{account}.json", headers=headers, explain=explain)
    found = answer.json_object()
    status = text_in(found, "status")
    if not status or text_in(found, "sid") != values["account_sid"]:
        raise answer.unexpected("it names no account")
    if status != "active":
        raise ProviderError(Result.MISSING_PERMISSION, f"The account is not active: Twilio says it is {status}.")
    name = text_in(found, "friendly_name") or f"Account {mask(values['account_sid'])}"
    return ConnectionReport(
        identity=name,
        data={"friendly_name": name, "status": status, "type": text_in(found, "type"), "credentials": "auth token"},
    )


def authorization(values: Values) -> str:
    """Return the header's value: of the API key where there is one, else of the account."""
    if "api_key_sid" in values:
        return basic(values["api_key_sid"], values["api_key_secret"])
    return basic(values["account_sid"], values["auth_token"])


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of Twilio's means, in its older form and as problem details; None where its status says it."""
    body = answer.object_or_empty()
    code = number_in(body, "code")
    if answer.is_success or code not in _MEANINGS:
        return None
    result, sentence = _MEANINGS[code]
    return ProviderError(
        result,
        f"{sentence} Twilio's error is {code}.",
        answer.retry_after if result in {Result.RATE_LIMITED, Result.PROVIDER_DOWN} else None,
        code=str(code),
        status=answer.status,
    )
