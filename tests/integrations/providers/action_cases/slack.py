"""Answers in the shape of Slack's Web API, errors inside 200, and of incoming webhooks, in plain words."""

from __future__ import annotations

from typing import Any, Final

from tests.integrations.providers.action_cases.case import ActionCase
from tests.integrations.providers.connection_cases.case import HTML, Reply

POST: Final = "https://slack.com/api/chat.postMessage"
HOOK: Final = "https://hooks.slack.com/services/T00000000/B00000000/ExampleOnlyNotReal"
WEBHOOK: Final = {"bot_token": None, "refresh_token": None}
MADE: Final = {
    "ok": True,
    "channel": "C0123456789",
    "ts": "1503435956.000247",
    "message": {"text": "Invoice 4711 was paid.", "type": "message", "bot_id": "B123"},
}


def case(name: str, result: str, status: int, body: Any, headers: Any = None, **expected: Any) -> ActionCase:
    url = HOOK if expected.get("values") == WEBHOOK else POST
    given: dict[str, Any] = {"parameters": {"text": "Invoice 4711 was paid."}, **expected}
    return ActionCase(
        action="notify", name=name, result=result, replies=(Reply("POST", url, status, body, headers or {}),), **given
    )


def refused(error: str, result: str, **expected: Any) -> ActionCase:
    return case(error, result, 200, {"ok": False, "error": error}, says=f"Slack's error is {error}.", **expected)


def by_webhook(name: str, result: str, status: int, body: Any, headers: Any = None, **expected: Any) -> ActionCase:
    return case(f"{name} of a webhook", result, status, body, headers, values=WEBHOOK, **expected)


CASES: Final = [
    case(
        "success",
        "ok",
        200,
        MADE,
        answer={"by": "bot", "channel": "C0123456789", "ts": "1503435956.000247"},
        sent=({"text": "Invoice 4711 was paid.", "channel": "C0123456789"},),
    ),
    case("wrong credentials", "bad_credentials", 200, {"ok": False, "error": "invalid_auth"}),
    case(
        "missing permission",
        "missing_permission",
        200,
        {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "channels:read"},
        says="lacks the scope chat:write",
    ),
    case(
        "rate limit", "rate_limited", 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"}, retry_after=30
    ),
    case("rate limit without a time", "rate_limited", 429, {"ok": False, "error": "ratelimited"}),
    case("outage", "provider_down", 503, HTML),
    case("nonsense", "wrong_host", 200, HTML),
    case("half of an answer", "wrong_host", 200, '{"ok": true, "chan'),
    refused("message_limit_exceeded", "rate_limited"),
    refused("fatal_error", "provider_down"),
    refused("not_in_channel", "refused", parameter="channel"),
    refused("msg_too_long", "refused", parameter="text"),
    refused("invalid_blocks", "refused", parameter="blocks"),
    by_webhook("success", "ok", 200, "ok", answer={"by": "webhook", "channel": "", "ts": ""}),
    by_webhook("wrong credentials", "bad_credentials", 404, "no_service", says="make a new one"),
    by_webhook("missing permission", "missing_permission", 403, "action_prohibited"),
    by_webhook("rate limit", "rate_limited", 429, "rate_limited", {"Retry-After": "1"}, retry_after=1),
    by_webhook("outage", "provider_down", 500, "rollup_error"),
    by_webhook("nonsense", "wrong_host", 200, HTML),
    by_webhook("refusal", "refused", 400, "invalid_payload"),
]
