"""Talking to Chatwoot, and testing it: whose the access token is, and whether that person belongs to the account.

Read from the server's source (4.14) and its OpenAPI description. A profile holds the access token itself and another one
for live updates: nothing but the named facts is taken from it.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from integrations.providers.answers import Answer
from integrations.providers.client import Explain, ProviderClient
from integrations.providers.connection_test import ConnectionReport, number_in, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

CLOUD: Final = "app.chatwoot.com"
UNDERSCORED_HEADER: Final = "api_access_token"
# nginx and some load balancers drop headers with underscores; the server reads this one just as well.
HYPHENATED_HEADER: Final = "api-access-token"
ADMINISTRATOR: Final = "administrator"
# The beginning of the server's texts for another account, and for what needs another role.
_MAY_NOT: Final = "You are not authorized to"


def read_account(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the profile of the token's user and find the account among theirs; no scope is needed."""
    answer, header = call(client, values, "GET", "/api/v1/profile")
    found = answer.json_object()
    accounts = found.get("accounts")
    if number_in(found, "id") is None or not isinstance(accounts, list):
        raise answer.unexpected("it names no user with accounts")
    wanted = int(values["account_id"])
    account = next((a for a in accounts if isinstance(a, dict) and number_in(a, "id") == wanted), None)
    if account is None:
        message = f"The access token's user does not belong to account {wanted}: check the account ID."
        raise ProviderError(Result.MISSING_PERMISSION, message, status=answer.status)
    if (status := text_in(account, "status")) not in {"", "active"}:
        message = f"Account {wanted} is not active: Chatwoot says it is {status}."
        raise ProviderError(Result.MISSING_PERMISSION, message, status=answer.status)
    return _report(values, found, account, header)


def _report(values: Values, user: dict[str, object], account: dict[str, object], header: str) -> ConnectionReport:
    who = text_in(user, "name") or text_in(user, "email") or f"user {text_in(user, 'id')}"
    where = text_in(account, "name") or f"account {values['account_id']}"
    role = text_in(account, "role")
    said = [f"Connected as {who} in {where}."]
    if role != ADMINISTRATOR:
        said.append(f"The role there is {role or 'unknown'}: inboxes, bots and webhooks need an administrator.")
    if header == HYPHENATED_HEADER:
        said.append(f"A proxy before the server drops headers with underscores; the token is sent as {header}.")
    return ConnectionReport(
        identity=f"{who} in {where}",
        data={
            "user_id": number_in(user, "id"),
            "email": text_in(user, "email"),
            "account_id": number_in(account, "id"),
            "account": text_in(account, "name"),
            "role": role,
            "header": header,
        },
        message=" ".join(said),
    )


def call(
    client: ProviderClient,
    values: Values,
    method: str,
    path: str,
    *,
    json: object = None,
    explain: Explain | None = None,
    header: str = UNDERSCORED_HEADER,
) -> tuple[Answer, str]:
    """Make one request of the API with the access token; return its answer and the header that carried the token.

    `header` is the one that carried it the last time, `explain` reads refusals, else this module's own.

    A server of one's own that does not accept the token is asked once more, by the header's other spelling: what was
    refused was not done, so this is safe for every method. Raises ProviderError.
    """
    url = f"{values['base_url']}{path}"
    token = values["api_access_token"]
    explain = explain or explain_refusal
    try:
        return client.request(method, url, headers={header: token}, json=json, explain=explain), header
    except ProviderError as error:
        is_last = header == HYPHENATED_HEADER or urlsplit(url).hostname == CLOUD
        if error.result is not Result.BAD_CREDENTIALS or is_last:
            raise
    answer = client.request(method, url, headers={HYPHENATED_HEADER: token}, json=json, explain=explain)
    return answer, HYPHENATED_HEADER


def explain_refusal(answer: Answer) -> ProviderError | None:
    """Say what a refusal means; None where its status says it.

    A 401 without a code stands for an unknown token as well as for what its user may not do: only the text differs.
    """
    if answer.looks_like_html:
        return None
    if answer.status == 401 and text_in(answer.object_or_empty(), "error").startswith(_MAY_NOT):
        message = f"The access token's user may not do this. Chatwoot says: {answer.words().rstrip('.')}."
        return ProviderError(Result.MISSING_PERMISSION, message, status=401)
    if answer.status == 401:
        message = (
            "Chatwoot does not accept the access token: it must be a user's, from the profile settings, of this very server; "
            f"a bot's may not be used here. Chatwoot says: {answer.words().rstrip('.') or 'nothing'}."
        )
        return ProviderError(Result.BAD_CREDENTIALS, message, status=401)
    if answer.status == 404 and answer.object_or_empty():
        message = f"Chatwoot does not find it: check the account ID. Chatwoot says: {answer.words().rstrip('.') or 'nothing'}."
        return ProviderError(Result.WRONG_HOST, message, status=404)
    return None
