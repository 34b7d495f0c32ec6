"""Testing Slack: whose the token is, or whether an incoming webhook is there.

The Web API answers 200 for its own errors too: https://docs.slack.dev/apis/web-api/. A webhook cannot be tried without a
message; an empty one is refused by a hook that exists, and posts nothing.
"""

from __future__ import annotations

from typing import Final

from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient, bearer
from integrations.providers.connection_test import ConnectionReport, text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

API: Final = "https://slack.com/api"
_CREDENTIALS: Final = frozenset(
    {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type"}
)
_PERMISSIONS: Final = frozenset(
    {
        *("missing_scope", "no_permission", "ekm_access_denied", "team_access_not_granted", "access_denied"),
        *("accesslimited", "restricted_action", "org_login_required", "not_in_channel"),
    }
)
_LIMITS: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_DOWN: Final = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)
# What a webhook that exists says to a message without a text.
_REFUSED_MESSAGES: Final = frozenset({"invalid_payload", "no_text", "missing_text_or_fallback_or_attachments"})
_GONE_WEBHOOKS: Final = frozenset({"no_service", "no_service_id", "no_team", "no_active_hooks", "invalid_token"})


def who_am_i(client: ProviderClient, values: Values) -> ConnectionReport:
    """Ask whose the token is, which needs no scope; without a token, see that the incoming webhook is there."""
    if "bot_token" not in values:
        if "webhook_url" not in values:
            raise ProviderError(Result.BAD_CREDENTIALS, "Slack is not connected yet: connect it, or enter a token.")
        return _webhook_is_there(client, values)
    answer = client.post(f"{API}/auth.test", headers={"Authorization": bearer(values["bot_token"])}, explain=explain)
    found = answer.json_object()
    team, user = text_in(found, "team"), text_in(found, "user")
    if found.get("ok") is not True or not text_in(found, "team_id"):
        raise answer.unexpected("it names no workspace")
    data: dict[str, object] = {name: text_in(found, name) for name in ("team", "team_id", "user", "user_id", "url")}
    if "x-oauth-scopes" in answer.headers:
        data["scopes"] = [scope.strip() for scope in answer.headers["x-oauth-scopes"].split(",") if scope.strip()]
    return ConnectionReport(identity=f"{user} in {team}" if user else team or text_in(found, "team_id"), data=data)


def _webhook_is_there(client: ProviderClient, values: Values) -> ConnectionReport:
    answer = client.exchange("POST", values["webhook_url"], json={})
    said = answer.text.strip()
    if answer.status == 400 and said in _REFUSED_MESSAGES:
        return ConnectionReport(
            identity="Incoming webhook",
            data={"kind": "incoming webhook"},
            message=(
                "The webhook is there: it refused an empty message, which posts nothing. That messages arrive shows only "
                "when one is sent."
            ),
        )
    if answer.status == 429:
        raise ProviderError(Result.RATE_LIMITED, "Slack wants fewer requests.", answer.retry_after, status=429)
    if said in _GONE_WEBHOOKS or answer.status in {401, 404, 410}:
        message = "Slack does not know this webhook (any more): make a new one under Incoming Webhooks of the app."
        raise ProviderError(Result.BAD_CREDENTIALS, message, code=said[:50], status=answer.status)
    if answer.status == 403:
        message = f"Slack refuses messages to this webhook's channel: {said[:100] or 'no reason given'}."
        raise ProviderError(Result.MISSING_PERMISSION, message, code=said[:50], status=403)
    if answer.status >= 500:
        raise ProviderError(Result.PROVIDER_DOWN, "Slack has a problem of its own.", status=answer.status)
    raise answer.no_api() if answer.looks_like_html else answer.unexpected("it is no incoming webhook")


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of the Web API means, which comes with status 200; None for none."""
    if answer.status == 429:
        return ProviderError(Result.RATE_LIMITED, "Slack wants fewer requests.", answer.retry_after, status=429)
    body = answer.object_or_empty()
    error = text_in(body, "error")
    if body.get("ok") is not False or not error:
        return None
    if error in _CREDENTIALS:
        result, sentence = Result.BAD_CREDENTIALS, "Slack does not accept the token."
    elif error in _PERMISSIONS:
        needed = text_in(body, "needed")
        result = Result.MISSING_PERMISSION
        sentence = f"The token lacks the scope {needed}." if needed else "The token may not do this."
    elif error in _LIMITS:
        result, sentence = Result.RATE_LIMITED, "Slack wants fewer requests."
    elif error in _DOWN:
        result, sentence = Result.PROVIDER_DOWN, "Slack has a problem of its own."
    else:
        result, sentence = Result.WRONG_HOST, "Slack does not understand the request."
    wait = answer.retry_after if result is Result.RATE_LIMITED else None
    return ProviderError(result, f"{sentence} Slack's error is {error}.", wait, code=error, status=answer.status)
