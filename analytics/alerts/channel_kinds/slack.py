"""A Slack incoming webhook, whose address is a secret. Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import requests

from analytics.alerts.channel_kinds.base import ChannelError, ChannelKind, Message, line_of
from integrations.egress.session import OutboundError, guarded_session

if TYPE_CHECKING:
    from analytics.alerts.models import AlertChannel

# What Slack answers, beside others, as text; the way out for those that a person can mend.
_WAYS_OUT: Final = {
    "invalid_token": "the address is not valid any more: make a new one in Slack",
    "no_service": "the address is not valid any more: make a new one in Slack",
    "no_active_hooks": "the incoming webhook was switched off in Slack",
    "channel_not_found": "the channel does not exist any more",
    "channel_is_archived": "the channel is archived",
    "action_prohibited": "an administrator of the workspace forbids it",
}
_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
_READ_LIMIT: Final = 16 * 1024


class Slack(ChannelKind):
    key: ClassVar = "slack"
    label: ClassVar = "Slack"
    takes_url: ClassVar = True

    def send(self, channel: AlertChannel, message: Message) -> None:
        """Post one text. Slack answers 200 and `ok`; everything else is a failure."""
        if channel.url is None:
            raise ChannelError("The channel has no address.")
        try:
            with guarded_session(read_limit=_READ_LIMIT) as session:
                response = session.post(channel.url.reveal(), json={"text": _text(message)})
        except OutboundError as error:
            raise ChannelError(error.message) from None
        except requests.RequestException as error:
            raise ChannelError(f"Slack could not be asked ({type(error).__name__}).") from None
        answer = response.text.strip()
        if response.status_code == 200 and answer == "ok":
            return
        known = _WAYS_OUT.get(answer)
        raise ChannelError(f"Slack answered {response.status_code}{f': {known}' if known else ''}.")

    def url_problem(self, host: str) -> str | None:
        if host in _HOSTS:
            return None
        return f"Give the address of an incoming webhook, which begins with https://{_HOSTS[0]}/."


def _text(message: Message) -> str:
    if message.is_test:
        return "This is a test: alerts of this channel arrive here."
    lines = [f"• {line_of(alert)}" for alert in message.alerts]
    if message.left_out:
        lines.append(f"• and {message.left_out} more")
    return "\n".join([f"*{_escaped(message.title)}*", *map(_escaped, lines)])


def _escaped(text: str) -> str:
    """Return text in which nothing is a mention or a link (Slack, "Escaping text")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
