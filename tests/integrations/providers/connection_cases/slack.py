"""Answers in the shape of Slack's Web API, which says 200 to nearly everything, and of its incoming webhooks."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

URL: Final = "https://slack.com/api/auth.test"
HOOK: Final = "https://hooks.slack.com/services/T00000000/B00000000/ExampleOnlyNotReal"
HOOK_ALONE: Final = {"bot_token": None}
WHO: Final = {
    "ok": True,
    "url": "https://acme.slack.com/",
    "team": "Acme",
    "user": "signalbox",
    "team_id": "T00000000",
    "user_id": "U00000000",
    "bot_id": "B00000001",
}


def said(body: Any, status: int = 200, headers: Any = None) -> tuple[Reply, ...]:
    return (Reply("POST", URL, status, body, headers or {}),)


def refused(error: str, **more: Any) -> tuple[Reply, ...]:
    return said({"ok": False, "error": error, **more})


def hook(status: int, body: str, headers: Any = None) -> tuple[Reply, ...]:
    return (Reply("POST", HOOK, status, body, headers or {}),)


CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        replies=said(WHO, headers={"X-OAuth-Scopes": "chat:write,channels:read"}),
        identity="signalbox in Acme",
        data={
            **{name: WHO[name] for name in ("team", "team_id", "user", "user_id", "url")},
            "scopes": ["chat:write", "channels:read"],
        },
    ),
    Case(
        name="success of a webhook",
        result=Result.OK,
        values=HOOK_ALONE,
        replies=hook(400, "invalid_payload"),
        identity="Incoming webhook",
        says="shows only when one is sent",
    ),
    Case(name="webhook that is gone", result=Result.BAD_CREDENTIALS, values=HOOK_ALONE, replies=hook(404, "no_service")),
    Case(name="webhook of a wrong token", result=Result.BAD_CREDENTIALS, values=HOOK_ALONE, replies=hook(403, "invalid_token")),
    Case(name="webhook that may not", result=Result.MISSING_PERMISSION, values=HOOK_ALONE, replies=hook(403, "action_prohibited"), says="action_prohibited"),
    Case(name="webhook that is too busy", result=Result.RATE_LIMITED, values=HOOK_ALONE, replies=hook(429, "", {"Retry-After": "30"}), retry_after=30.0),
    Case(name="webhook during an outage", result=Result.PROVIDER_DOWN, values=HOOK_ALONE, replies=hook(503, "")),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, replies=refused("invalid_auth"), says="invalid_auth"),
    Case(name="ended credentials", result=Result.BAD_CREDENTIALS, replies=refused("token_expired"), says="token_expired"),
    Case(
        name="missing permission",
        result=Result.MISSING_PERMISSION,
        replies=refused("missing_scope", needed="chat:write", provided="identify"),
        says="lacks the scope chat:write",
    ),
    Case(
        name="rate limit",
        result=Result.RATE_LIMITED,
        replies=said({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "30"}),
        retry_after=30.0,
    ),
    Case(name="rate limit inside of 200", result=Result.RATE_LIMITED, replies=refused("rate_limited")),
    Case(name="outage", result=Result.PROVIDER_DOWN, replies=said("", 503)),
    Case(name="outage inside of 200", result=Result.PROVIDER_DOWN, replies=refused("internal_error")),
    Case(name="nonsense", result=Result.WRONG_HOST, replies=said(HTML), says="web page"),
    Case(name="error that nobody knows", result=Result.WRONG_HOST, replies=refused("brand_new_error"), says="brand_new_error"),
]  # fmt: skip
