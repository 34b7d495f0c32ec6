"""Testing a GitHub token: whose it is, its scopes, and whether it sees the repository.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api. A 403 is a limit where it says so by a
header, and a missing permission otherwise; a 404 may hide a private repository.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from integrations.providers.answers import MAX_WAIT, Answer
from integrations.providers.client import ProviderClient, bearer
from integrations.providers.connection_test import ConnectionReport, number_in, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

DEFAULT_BASE: Final = "https://api.github.com"
VERSION: Final = "2022-11-28"
# Tokens of an app's installation belong to no user.
_INSTALLATION: Final = "ghs_"
_SECONDARY_WAIT: Final = 60.0


def read_user(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the token's user, or for an app's installation its limits; then the repository, if one is named."""
    if "token" not in values:
        raise ProviderError(Result.BAD_CREDENTIALS, "GitHub is not connected yet: connect it, or enter a token.")
    base, headers = values["base_url"], headers_of(values)
    if values["token"].startswith(_INSTALLATION):
        identity, facts, answer = "App installation", {}, client.get(f"{base}/rate_limit", headers=headers)
        if not isinstance(answer.json_object().get("resources"), dict):
            raise answer.unexpected("it names no limits")
    else:
        answer = client.get(f"{base}/user", headers=headers, explain=explain)
        found = answer.json_object()
        identity = text_in(found, "login")
        if not identity or number_in(found, "id") is None:
            raise answer.unexpected("it names no user")
        facts = {"login": identity, "type": text_in(found, "type")}
    data: dict[str, object] = dict(facts)
    if "x-oauth-scopes" in answer.headers:
        data["scopes"] = [scope.strip() for scope in answer.headers["x-oauth-scopes"].split(",") if scope.strip()]
    if "repository" in values:
        data["repository"] = _repository(client, values)
    return ConnectionReport(identity=identity, data=data, expires_at=_expiry(answer))


def _repository(client: ProviderClient, values: Values) -> str:
    url = f"{values['base_url']}/repos/{values['repository_owner']}/{values['repository']}"
    answer = client.get(url, headers=headers_of(values), explain=explain)
    name = text_in(answer.json_object(), "full_name")
    if not name:
        raise answer.unexpected("it names no repository")
    return name


def headers_of(values: Values) -> dict[str, str]:
    return {
        "Authorization": bearer(values["token"]),
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": VERSION,
    }


def explain(answer: Answer) -> ProviderError | None:
    """Say what a refusal of GitHub's means; None where its status says it."""
    if answer.status in {403, 429} and (wait := _limit(answer)) is not None:
        return ProviderError(Result.RATE_LIMITED, "GitHub wants fewer requests.", wait, status=answer.status)
    if answer.looks_like_html:
        return None
    if answer.status == 401:
        message = "GitHub does not accept the token: it is wrong, has expired, or was revoked."
        return ProviderError(Result.BAD_CREDENTIALS, message, status=401)
    if answer.status == 403:
        needed = answer.headers.get("x-accepted-github-permissions", "")
        lacks = f"It needs one of: {needed}." if needed else f"GitHub says: {answer.words() or 'nothing'}."
        return ProviderError(Result.MISSING_PERMISSION, f"The token lacks a permission. {lacks}", status=403)
    if answer.status == 404 and "message" in answer.object_or_empty():
        message = "GitHub does not find it: the name is wrong, or the token may not see the private repository."
        return ProviderError(Result.MISSING_PERMISSION, message, status=404)
    return None


def _limit(answer: Answer) -> float | None:
    """Return how many seconds a limit lasts; None where the answer speaks of none."""
    if answer.retry_after is not None:
        return answer.retry_after
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = number_in(answer.headers, "x-ratelimit-reset")
        return _SECONDARY_WAIT if reset is None else min(max(reset - time.time(), 0.0), MAX_WAIT)
    names_a_limit = "rate-limit" in text_in(answer.object_or_empty(), "documentation_url")
    return _SECONDARY_WAIT if names_a_limit or answer.status == 429 else None


def _expiry(answer: Answer) -> datetime | None:
    """Read `2026-12-31 23:59:59 UTC`, also with an offset instead of the name."""
    text = answer.headers.get("github-authentication-token-expiration", "").removesuffix(" UTC").strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
