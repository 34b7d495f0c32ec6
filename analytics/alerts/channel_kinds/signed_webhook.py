"""A signed webhook of one's own: Standard Webhooks 1.0.0, like the deliveries of tenants.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

import requests

from analytics.alerts.channel_kinds.base import ChannelError, ChannelKind, Message
from analytics.alerts.ports import message_signing
from integrations.egress.session import OutboundError, guarded_session

if TYPE_CHECKING:
    from analytics.alerts.models import AlertChannel

_READ_LIMIT: Final = 16 * 1024


class SignedWebhook(ChannelKind):
    key: ClassVar = "webhook"
    label: ClassVar = "Signed webhook"
    takes_url: ClassVar = True
    takes_secret: ClassVar = True

    def send(self, channel: AlertChannel, message: Message) -> None:
        """Post `{type, timestamp, data}`; any 2xx is success, redirects are not followed."""
        if channel.url is None or channel.secret is None:
            raise ChannelError("The channel has no address or no signing secret.")
        body = json.dumps(body_of(message), separators=(",", ":"), ensure_ascii=False).encode()
        timestamp = int(time.time())
        signature = message_signing().sign(
            channel.secret.reveal(), message_id=str(message.id), timestamp=timestamp, body=body
        )
        headers = {
            "Content-Type": "application/json",
            "webhook-id": str(message.id),
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        }
        try:
            with guarded_session(read_limit=_READ_LIMIT) as session:
                response = session.post(channel.url.reveal(), data=body, headers=headers)
        except OutboundError as error:
            raise ChannelError(error.message) from None
        except requests.RequestException as error:
            raise ChannelError(f"The endpoint could not be asked ({type(error).__name__}).") from None
        if not 200 <= response.status_code <= 299:
            raise ChannelError(f"The endpoint answered {response.status_code}.")


def body_of(message: Message) -> dict[str, Any]:
    """Return what a message looks like as JSON."""
    return {
        "type": "alert.test" if message.is_test else f"alert.{message.event}",
        "timestamp": message.made_at.isoformat().replace("+00:00", "Z"),
        "data": {"total": message.total, "alerts": list(message.alerts)},
    }
