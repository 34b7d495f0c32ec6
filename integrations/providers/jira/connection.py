"""Testing Jira Cloud: whose the token is, which also tells the time zone that searches are written in.

A search proves nothing: it answers anyone, with nothing. Read from the OpenAPI description of the platform (v3):
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-myself/.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from integrations.providers.access_tokens import with_access_token
from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient, basic, bearer
from integrations.providers.connection_test import ConnectionReport, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

DOMAIN: Final = ".atlassian.net"
GATEWAY: Final = "https://api.atlassian.com"
_MOST_SITES_NAMED: Final = 10


def read_user(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the token's own user; with an access token, find the site among those that it opens first.

    An access token comes before the API token. A refresh token is never used here: each use replaces it.
    """
    if "access_token" not in values and "api_token" in values:
        authorization = basic(values["email"], values["api_token"])
        return _read(client, values, _address(values, values.get("cloud_id", "")), authorization)
    return with_access_token(client, values, partial(_read_with_token, client, values), None)


def _address(values: Values, cloud_id: str) -> str:
    """Return where the site's API answers: through the gateway to tokens of OAuth2 and to those with scopes."""
    return f"{GATEWAY}/ex/jira/{cloud_id}" if cloud_id else f"https://{values['site']}{DOMAIN}"


def _read_with_token(client: ProviderClient, values: Values, token: str) -> ConnectionReport:
    cloud_id = cloud_id_of(client, values, token)
    return _read(client, values, _address(values, cloud_id), bearer(token), cloud_id)


def cloud_id_of(client: ProviderClient, values: Values, token: str) -> str:
    """Return the cloud ID of the site, which must be among those that an access token opens. Raises ProviderError."""
    answer = client.get(
        f"{GATEWAY}/oauth/token/accessible-resources", headers={"Authorization": bearer(token)}, explain=explain
    )
    listed = answer.json()
    if not isinstance(listed, list):
        raise answer.unexpected("it lists no sites")
    sites = {text_in(site, "url").rstrip("/").lower(): text_in(site, "id") for site in listed if isinstance(site, dict)}
    wanted = _address(values, "")
    found = sites.get(wanted, "")
    if not found:
        named = ", ".join(sorted(filter(None, sites))[:_MOST_SITES_NAMED]) or "no site at all"
        message = (
            f"The access token does not open {wanted}, but {named}: check the site, or connect again and choose it."
        )
        raise ProviderError(Result.MISSING_PERMISSION, message, status=answer.status)
    if values.get("cloud_id", found) != found:
        message = f"The cloud ID is of another site: that of {wanted} is {found}."
        raise ProviderError(Result.WRONG_HOST, message, status=answer.status)
    return found


def _read(
    client: ProviderClient, values: Values, address: str, authorization: str, cloud_id: str = ""
) -> ConnectionReport:
    explained = partial(explain, needs_cloud_id="api_token" in values and address.endswith(DOMAIN))
    answer = client.get(
        f"{address}/rest/api/3/myself",
        headers={"Authorization": authorization, "Accept": "application/json"},
        explain=explained,
    )
    found = answer.json_object()
    account = text_in(found, "accountId")
    if not account:
        raise answer.unexpected("it names no account")
    who = text_in(found, "displayName") or text_in(found, "emailAddress") or account
    data: dict[str, object] = {
        "account_id": account,
        "account_type": text_in(found, "accountType"),
        "email": text_in(found, "emailAddress"),
        "time_zone": text_in(found, "timeZone"),
    }
    if cloud_id:
        data["cloud_id"] = cloud_id
    return ConnectionReport(identity=f"{who} at {values['site']}{DOMAIN}", data=data)


def explain(answer: Answer, *, needs_cloud_id: bool = False) -> ProviderError | None:
    """Say what a refusal of Jira's means, which may come in plain text; None where its status says it.

    `needs_cloud_id` tells that a token with scopes would be refused at this address.
    """
    status = answer.status
    if status == 401 and "x-seraph-loginreason" in answer.headers and _is_locked(answer):
        message = "Jira wants a captcha after failed log-ins: log in once in a browser, then try again."
        return ProviderError(Result.BAD_CREDENTIALS, message, code="AUTHENTICATION_DENIED", status=status)
    if status == 401 and "scope" in answer.words().lower():
        message = f"The token lacks a scope: the test needs read:jira-user. Jira says: {answer.words().rstrip('.')}."
        return ProviderError(Result.MISSING_PERMISSION, message, status=status)
    if status == 401 and not answer.looks_like_html:
        message = "Jira does not accept the credentials: e-mail address or token are wrong, or the token has ended."
        if needs_cloud_id:
            message += " An API token with scopes needs the cloud ID, too."
        return ProviderError(Result.BAD_CREDENTIALS, message, status=status)
    if status == 403 and not answer.looks_like_html:
        message = "The token's user has no access to Jira on this site, or the token lacks the scope read:jira-user."
        return ProviderError(Result.MISSING_PERMISSION, message, status=status)
    if status == 404 or 300 <= status <= 399:
        message = "There is no Jira at this address: check the site, and the cloud ID where one is given."
        return ProviderError(Result.WRONG_HOST, message, status=status)
    if status == 429:
        reason = answer.headers.get("ratelimit-reason", "")[:50]
        what = "The app has used up its requests for now" if "quota" in reason else "Jira wants fewer requests at once"
        named = f" ({reason})" if reason else ""
        return ProviderError(Result.RATE_LIMITED, f"{what}{named}.", answer.retry_after, code=reason, status=status)
    return None


def _is_locked(answer: Answer) -> bool:
    return "AUTHENTICATION_DENIED" in answer.headers["x-seraph-loginreason"].upper()
