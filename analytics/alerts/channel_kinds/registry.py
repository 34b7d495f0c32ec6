"""All kinds of channels. A kind is its module and one line here."""

from __future__ import annotations

from typing import Final

from django.utils.module_loading import import_string

from analytics.alerts.channel_kinds.base import ChannelKind

_ROOM: Final = "analytics.alerts.channel_kinds"
CHANNEL_KINDS: Final[dict[str, str]] = {
    "email": f"{_ROOM}.email.Email",
    "slack": f"{_ROOM}.slack.Slack",
    "webhook": f"{_ROOM}.signed_webhook.SignedWebhook",
}


def get_channel_kind(key: str) -> ChannelKind:
    """Return the kind with this key; raises KeyError."""
    kind: ChannelKind = import_string(CHANNEL_KINDS[key])()
    return kind


def channel_choices() -> list[tuple[str, str]]:
    """Return the kinds as a model's choices: a callable, so that a new one needs no migration."""
    kinds = (get_channel_kind(key) for key in CHANNEL_KINDS)
    return [(kind.key, kind.label) for kind in kinds]
