"""What is shown of one message: the steps of its life in their order, and what it says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.safestring import SafeString

from integrations.admin.badges import Tone, badge
from integrations.encryption.errors import EncryptionError
from integrations.isolation.scope import tenant_scope
from integrations.messaging.content import content_of
from integrations.messaging.models import Message
from integrations.providers.messaging import MessageState
from integrations.providers.registry import provider_label

_TONES: Final[dict[str, Tone]] = {
    MessageState.SENT: "neutral",
    MessageState.DELIVERED: "good",
    MessageState.READ: "good",
    MessageState.FAILED: "bad",
    MessageState.UNKNOWN: "warning",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One point of the timeline. `tone` is that of the list: succeeded, failed or waiting."""

    title: str
    at: datetime
    tone: str = "succeeded"
    about: str = ""


def state_badge(state: str) -> SafeString:
    """Return the label of a message's state."""
    return badge(state, _TONES.get(state, "neutral"))


def steps_of(message: Message) -> list[Step]:
    """Return what happened to a message, in the order of its life: the clocks of providers are not ours."""
    provider = provider_label(message.provider)
    error = message.error_message
    if message.error_code:  # the provider's; without one the words may be our own
        error = f"{provider} says: {error} (code {message.error_code})"
    known = [
        ("Accepted", message.accepted_at, "succeeded", ""),
        ("Unknown", message.unknown_at, "waiting", _doubt(message, provider)),
        ("Sent", message.sent_at, "succeeded", ""),
        ("Delivered", message.delivered_at, "succeeded", ""),
        ("Read", message.read_at, "succeeded", ""),
        ("Failed", message.failed_at, "failed", error),
    ]
    return [Step(title, at, tone, text) for title, at, tone, text in known if at is not None]


def content_in_words(message: Message, *, is_hidden: bool) -> tuple[str, bool]:
    """Return what the message says, or why that is not shown, and whether it is the former."""
    if message.content is None:
        return "No longer stored.", False
    if is_hidden:
        return "Hidden from auditors: one-time codes are sent this way.", False
    try:
        with tenant_scope(message.tenant_id):
            content = content_of(message) or {}
    except EncryptionError:
        return "It cannot be opened at the moment.", False
    if "template" in content:
        return json.dumps(content["template"], indent=2, ensure_ascii=False), True
    return str(content.get("text", "")), True


def _doubt(message: Message, provider: str) -> str:
    """Return why nobody knew what became of a message, or who put an end to that."""
    if message.state == MessageState.UNKNOWN:
        return f"{message.error_message} Nobody can say whether {provider} took it: it is not sent again.".strip()
    ended = f"{provider} told what became of it."
    if message.settled_by:
        ended = f"Settled by {message.settled_by}{f': {message.settled_note}' if message.settled_note else '.'}"
    return f"Nobody could say whether {provider} took it. {ended}"
