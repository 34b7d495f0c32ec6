"""Messages into Slack: by a bot's token into a channel, or through an incoming webhook into that webhook's own.

https://docs.slack.dev/reference/methods/chat.postMessage, whose errors come with status 200;
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, whose errors are a status and one plain word.
"""

from __future__ import annotations

import json
from typing import Final

from integrations.providers.actions import Action, ActionCall, ActionRefusedError
from integrations.providers.answers import Answer
from integrations.providers.base import Field, FieldKind
from integrations.providers.client import bearer
from integrations.providers.connection_test import text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.slack.connection import API, explain

_MOST_BLOCKS: Final = 50
_CHANNEL: Final = frozenset({"channel_not_found", "not_in_channel", "is_archived", "user_not_found", "cannot_dm_bot"})
_TEXT: Final = frozenset({"no_text", "msg_too_long"})
_BLOCKS: Final = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
_CONTENT: Final = frozenset(
    {"too_many_attachments", "invalid_arguments", "invalid_json", "invalid_charset", "cannot_reply_to_message"}
)
_MAY_HAVE_POSTED: Final = frozenset({"internal_error", "fatal_error"})
_SENTENCES: Final = {
    "channel_not_found": "Slack does not know the channel, or the bot may not see it: give its ID, and invite the bot.",
    "not_in_channel": "The bot is no member of the channel: invite it there.",
    "is_archived": "The channel is archived.",
    "channel_is_archived": "The webhook's channel is archived: make a new webhook for another one.",
    "user_not_found": "Slack does not know the user.",
    "cannot_dm_bot": "A bot cannot be written to.",
    "no_text": "Slack takes no message without a text.",
    "msg_too_long": "The text is too long for Slack.",
    "msg_blocks_too_long": "The blocks are too long for Slack.",
}
_HOOK_GONE: Final = frozenset(
    {"no_service", "no_service_id", "no_team", "no_active_hooks", "invalid_token", "team_disabled"}
)
_HOOK_FORBIDDEN: Final = frozenset({"action_prohibited", "posting_to_general_channel_denied"})
_HOOK_CONTENT: Final = {"invalid_payload": "", "no_text": "text", "too_many_attachments": "", "user_not_found": ""}


def post_message(call: ActionCall) -> dict[str, object]:
    """Post with the bot's token where there is one and a channel is known, else through the webhook."""
    message: dict[str, object] = {"text": call.parameters["text"]}
    if "blocks" in call.parameters:
        message["blocks"] = _blocks_in(call.parameters["blocks"])
    if "thread_ts" in call.parameters:
        message["thread_ts"] = call.parameters["thread_ts"]
    if "bot_token" in call.values:
        channel = _channel_of(call)
        if channel:
            return _by_bot(call, {**message, "channel": channel})
    if "webhook_url" in call.values:
        return _by_webhook(call, message)
    if "bot_token" not in call.values:
        raise ProviderError(Result.BAD_CREDENTIALS, "Slack is not connected yet: connect it, or enter a token.")
    raise ActionRefusedError("Say into which channel: give channel, or store a default channel.", parameter="channel")


def _channel_of(call: ActionCall) -> str:
    asked, own = call.parameters.get("channel", ""), call.values.get("default_channel", "")
    if call.is_shared and asked and asked != own:
        message = "With the platform's own credentials messages go into its default channel alone: leave channel out."
        raise ActionRefusedError(message, parameter="channel")
    return asked or own


def _blocks_in(text: str) -> list[object]:
    blocks = json.loads(text)
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise ActionRefusedError("Must be an array of blocks, each an object.", parameter="blocks")
    if len(blocks) > _MOST_BLOCKS:
        raise ActionRefusedError(f"At most {_MOST_BLOCKS} blocks.", parameter="blocks")
    return blocks


def _by_bot(call: ActionCall, message: dict[str, object]) -> dict[str, object]:
    headers = {"Authorization": bearer(call.values["bot_token"])}
    answer = call.client.post(f"{API}/chat.postMessage", headers=headers, json=message, explain=explain_message)
    found = answer.json_object()
    channel, ts = text_in(found, "channel"), text_in(found, "ts")
    if found.get("ok") is not True or not channel or not ts:
        raise answer.unexpected("it names no message")
    return {"by": "bot", "channel": channel, "ts": ts}


def explain_message(answer: Answer) -> ProviderError | None:
    """Tell what is wrong with the message or its channel from what is wrong with the token."""
    body = answer.object_or_empty()
    error = text_in(body, "error")
    if body.get("ok") is not False or not error or answer.status == 429:
        return explain(answer)
    for codes, parameter in ((_CHANNEL, "channel"), (_TEXT, "text"), (_BLOCKS, "blocks"), (_CONTENT, "")):
        if error in codes:
            said = _SENTENCES.get(error, "Slack refuses the message.")
            return ActionRefusedError(_with_code(said, error), parameter=parameter, code=error, status=answer.status)
    if error in _MAY_HAVE_POSTED:
        message = "Slack has a problem of its own, and may have posted the message all the same."
        return ProviderError(Result.PROVIDER_DOWN, _with_code(message, error), code=error, status=answer.status)
    if error.startswith("restricted_action"):
        message = "The workspace lets nobody post there with such a token."
        return ProviderError(Result.MISSING_PERMISSION, _with_code(message, error), code=error, status=answer.status)
    return explain(answer)


def _by_webhook(call: ActionCall, message: dict[str, object]) -> dict[str, object]:
    if "channel" in call.parameters:
        message_to_person = (
            "An incoming webhook posts into its own channel alone: leave channel out, or store a bot token."
        )
        raise ActionRefusedError(message_to_person, parameter="channel")
    answer = call.client.post(call.values["webhook_url"], json=message, explain=explain_webhook)
    if answer.text.strip() != "ok":
        raise answer.no_api() if answer.looks_like_html else answer.unexpected("it does not say ok")
    return {"by": "webhook", "channel": "", "ts": ""}


def explain_webhook(answer: Answer) -> ProviderError | None:
    """Say what the plain word of a webhook means; None where its status says it."""
    said = answer.text.strip()[:100]
    if answer.is_success or answer.looks_like_html:
        return None
    if answer.status == 429:
        return ProviderError(Result.RATE_LIMITED, "Slack wants fewer requests.", answer.retry_after, status=429)
    if said in _HOOK_GONE:
        message = "Slack does not know this webhook (any more): make a new one under Incoming Webhooks of the app."
        return ProviderError(Result.BAD_CREDENTIALS, _with_code(message, said), code=said, status=answer.status)
    if said in _HOOK_FORBIDDEN:
        message = "The workspace refuses messages of this webhook."
        return ProviderError(Result.MISSING_PERMISSION, _with_code(message, said), code=said, status=answer.status)
    if said in {"channel_not_found", "channel_is_archived"}:
        message = (
            _SENTENCES["channel_is_archived"] if said == "channel_is_archived" else "The webhook's channel is gone."
        )
        return ProviderError(Result.WRONG_HOST, _with_code(message, said), code=said, status=answer.status)
    if said in _HOOK_CONTENT:
        message = _with_code(_SENTENCES.get(said, "Slack refuses the message."), said)
        return ActionRefusedError(message, parameter=_HOOK_CONTENT[said], code=said, status=answer.status)
    return None


def _with_code(sentence: str, code: str) -> str:
    return f"{sentence} Slack's error is {code}."


notify: Final = Action(
    name="notify",
    label="Post a message",
    summary="Posts a message with the bot's token into a channel, or through the incoming webhook into the webhook's own.",
    run=post_message,
    is_concurrent=True,
    parameters=(
        Field(
            name="text",
            label="Text",
            help="The message; beside blocks it is what notifications show. Slack's own mark-up counts.",
            example="Invoice 4711 was paid.",
            secret=False,
            required=True,
            kind=FieldKind.MULTILINE,
            max_length=40_000,
        ),
        Field(
            name="channel",
            label="Channel",
            help="The channel's ID; left out, it is the default channel. Not for an incoming webhook, which has its own.",
            example="C0123456789",
            secret=False,
            pattern=r"[CGDU][A-Z0-9]{8,20}|#[^\s]{1,80}",
            pattern_message="A channel's ID such as C0123456789, or its name with #.",
            max_length=81,
        ),
        Field(
            name="blocks",
            label="Blocks",
            help="An array of Block Kit's blocks, at most 50.",
            example='[{"type": "divider"}]',
            secret=False,
            kind=FieldKind.JSON,
            max_length=100_000,
        ),
        Field(
            name="thread_ts",
            label="Thread",
            help="The ts of the message that this one answers.",
            example="1503435956.000247",
            secret=False,
            pattern=r"[0-9]{1,12}\.[0-9]{6}",
            pattern_message="The ts of a message, such as 1503435956.000247.",
            max_length=20,
        ),
    ),
    answer={
        "by": "`bot` or `webhook`: by which of them it was posted.",
        "channel": "The channel's ID; empty for a webhook, which does not tell.",
        "ts": "With the channel it names the message; empty for a webhook.",
    },
)
