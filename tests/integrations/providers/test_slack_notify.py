"""Messages into Slack: errors inside 200, plain words of webhooks, limits, and what is refused before any call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import responses

from integrations.providers.actions import ActionRefusedError
from integrations.providers.outcome import ProviderError, Result
from tests.integrations.providers.action_running import run_action

POST = "https://slack.com/api/chat.postMessage"
HOOK = "https://hooks.slack.com/services/T00000000/B00000000/ExampleOnlyNotReal"
TOKEN = "xoxb-example-token-for-documentation"
BOT = {"bot_token": TOKEN, "default_channel": "C0123456789"}
WEBHOOK = {"webhook_url": HOOK}
MADE = {"ok": True, "channel": "C0123456789", "ts": "1503435956.000247", "message": {"text": "Hello"}}


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def notify(values: Mapping[str, str], **parameters: Any) -> Mapping[str, object]:
    return run_action("slack", "notify", values, {"text": "Hello", **parameters})


def sent(api: responses.RequestsMock) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(api.calls[-1].request.body)
    return found


def test_bot_posts_into_the_default_channel(api: responses.RequestsMock) -> None:
    api.post(POST, json=MADE)
    assert notify(BOT) == {"by": "bot", "channel": "C0123456789", "ts": "1503435956.000247"}
    assert sent(api) == {"text": "Hello", "channel": "C0123456789"}
    assert api.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_channel_blocks_and_thread_go_along(api: responses.RequestsMock) -> None:
    api.post(POST, json=MADE)
    blocks = [{"type": "divider"}]
    notify(BOT, channel="C9999999999", blocks=blocks, thread_ts="1503435956.000247")
    assert sent(api) == {
        "text": "Hello",
        "channel": "C9999999999",
        "blocks": blocks,
        "thread_ts": "1503435956.000247",
    }
    api.post(POST, json=MADE)
    notify(BOT, blocks=json.dumps(blocks))
    assert sent(api)["blocks"] == blocks


def test_webhook_posts_where_there_is_no_token_or_no_channel(api: responses.RequestsMock) -> None:
    api.post(HOOK, body="ok", content_type="text/html")
    assert notify(WEBHOOK) == {"by": "webhook", "channel": "", "ts": ""}
    assert sent(api) == {"text": "Hello"}
    api.post(HOOK, body="ok")
    assert notify({**WEBHOOK, "bot_token": TOKEN})["by"] == "webhook"


@pytest.mark.parametrize(
    ("values", "parameters", "parameter", "says"),
    [
        ({"bot_token": TOKEN}, {}, "channel", "Say into which channel"),
        (WEBHOOK, {"channel": "C0123456789"}, "channel", "posts into its own channel alone"),
        (BOT, {"blocks": {"type": "divider"}}, "blocks", "Must be an array of blocks"),
        (BOT, {"blocks": ["divider"]}, "blocks", "Must be an array of blocks"),
        (BOT, {"blocks": [{}] * 51}, "blocks", "At most 50 blocks."),
    ],
)
def test_what_cannot_be_posted_is_refused_before_any_call(
    values: dict[str, str], parameters: dict[str, Any], parameter: str, says: str
) -> None:
    with pytest.raises(ActionRefusedError, match=says) as caught:
        notify(values, **parameters)
    assert caught.value.parameter == parameter


def test_platforms_token_posts_into_the_platforms_channel_alone(api: responses.RequestsMock) -> None:
    with pytest.raises(ActionRefusedError, match="default channel alone"):
        run_action("slack", "notify", BOT, {"text": "x", "channel": "C9999999999"}, is_shared=True)
    api.post(POST, json=MADE)
    assert run_action("slack", "notify", BOT, {"text": "x", "channel": "C0123456789"}, is_shared=True)["by"] == "bot"


def test_without_credentials_it_says_so() -> None:
    with pytest.raises(ProviderError, match="is not connected yet") as caught:
        notify({})
    assert caught.value.result is Result.BAD_CREDENTIALS


@pytest.mark.parametrize(
    ("error", "result", "parameter"),
    [
        ("invalid_auth", Result.BAD_CREDENTIALS, None),
        ("token_revoked", Result.BAD_CREDENTIALS, None),
        ("missing_scope", Result.MISSING_PERMISSION, None),
        ("restricted_action_read_only_channel", Result.MISSING_PERMISSION, None),
        ("ratelimited", Result.RATE_LIMITED, None),
        ("message_limit_exceeded", Result.RATE_LIMITED, None),
        ("service_unavailable", Result.PROVIDER_DOWN, None),
        ("channel_not_found", Result.WRONG_HOST, "channel"),
        ("not_in_channel", Result.WRONG_HOST, "channel"),
        ("is_archived", Result.WRONG_HOST, "channel"),
        ("msg_too_long", Result.WRONG_HOST, "text"),
        ("invalid_blocks", Result.WRONG_HOST, "blocks"),
        ("invalid_arguments", Result.WRONG_HOST, ""),
    ],
)
def test_errors_inside_200(api: responses.RequestsMock, error: str, result: Result, parameter: str | None) -> None:
    api.post(POST, json={"ok": False, "error": error, "needed": "chat:write"})
    with pytest.raises(ProviderError) as caught:
        notify(BOT)
    assert caught.value.result is result
    assert f"Slack's error is {error}." in caught.value.message
    assert getattr(caught.value, "parameter", None) == parameter


@pytest.mark.parametrize("error", ["internal_error", "fatal_error"])
def test_outcome_that_is_not_certain_is_said(api: responses.RequestsMock, error: str) -> None:
    api.post(POST, json={"ok": False, "error": error})
    with pytest.raises(ProviderError, match="may have posted the message all the same") as caught:
        notify(BOT)
    assert caught.value.result is Result.PROVIDER_DOWN


@pytest.mark.parametrize("values", [BOT, WEBHOOK])
@pytest.mark.parametrize(("headers", "wait"), [({"Retry-After": "30"}, 30.0), ({}, None)])
def test_limit_with_and_without_a_time_to_wait(
    api: responses.RequestsMock, values: dict[str, str], headers: dict[str, str], wait: float | None
) -> None:
    api.post(POST if values is BOT else HOOK, json={"ok": False, "error": "ratelimited"}, status=429, headers=headers)
    with pytest.raises(ProviderError) as caught:
        notify(values)
    assert (caught.value.result, caught.value.retry_after) == (Result.RATE_LIMITED, wait)


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (503, "down", Result.PROVIDER_DOWN),
        (200, "<!DOCTYPE html><html></html>", Result.WRONG_HOST),
        (200, '{"ok": true}', Result.WRONG_HOST),
        (200, '{"ok": tr', Result.WRONG_HOST),
        (200, "[]", Result.WRONG_HOST),
    ],
)
def test_outage_and_nonsense(api: responses.RequestsMock, status: int, body: str, result: Result) -> None:
    api.post(POST, body=body, status=status)
    with pytest.raises(ProviderError) as caught:
        notify(BOT)
    assert caught.value.result is result
    assert not isinstance(caught.value, ActionRefusedError)


@pytest.mark.parametrize(
    ("status", "word", "result", "parameter"),
    [
        (404, "no_service", Result.BAD_CREDENTIALS, None),
        (403, "invalid_token", Result.BAD_CREDENTIALS, None),
        (404, "no_active_hooks", Result.BAD_CREDENTIALS, None),
        (403, "action_prohibited", Result.MISSING_PERMISSION, None),
        (403, "posting_to_general_channel_denied", Result.MISSING_PERMISSION, None),
        (404, "channel_not_found", Result.WRONG_HOST, None),
        (410, "channel_is_archived", Result.WRONG_HOST, None),
        (400, "invalid_payload", Result.WRONG_HOST, ""),
        (400, "no_text", Result.WRONG_HOST, "text"),
        (500, "rollup_error", Result.PROVIDER_DOWN, None),
        (200, "<!DOCTYPE html><html></html>", Result.WRONG_HOST, None),
        (200, "", Result.WRONG_HOST, None),
    ],
)
def test_words_of_webhooks(
    api: responses.RequestsMock, status: int, word: str, result: Result, parameter: str | None
) -> None:
    api.post(HOOK, body=word, status=status, content_type="text/plain")
    with pytest.raises(ProviderError) as caught:
        notify(WEBHOOK)
    assert caught.value.result is result
    assert getattr(caught.value, "parameter", None) == parameter
    assert "ExampleOnlyNotReal" not in caught.value.message
