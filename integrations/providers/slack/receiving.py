"""Events, slash commands and interactions of Slack: https://docs.slack.dev/authentication/verifying-requests-from-slack."""

from __future__ import annotations

import hmac
import json
from typing import Any

from integrations.providers.receiving import (
    Answer,
    Incoming,
    Reason,
    Received,
    Receiving,
    RefusedError,
    Settings,
    check_fresh,
    digest_of,
    event_name,
    matches_any,
)


class SlackReceiving(Receiving):
    """Signature v0 over the time and the raw body, at most five minutes old; `event_id` stops a replay within them."""

    key = "slack"
    label = "Slack"
    where_from = "The app's signing secret: api.slack.com/apps, your app, Basic Information."
    pattern = r"[0-9a-zA-Z]{32}"
    pattern_message = "32 letters and digits, from the app's Basic Information."
    setup = (
        "On api.slack.com/apps open the app, Event Subscriptions, and paste the address as Request URL: Slack checks it "
        "at once. Subscribe to the events, and install the app again. Slash commands and interactivity take the same "
        "address."
    )

    def challenge(self, incoming: Incoming, settings: Settings) -> Answer | None:
        if b"url_verification" not in incoming.body or incoming.is_form:
            return None
        self.verify(incoming, settings)
        body = incoming.json_object()
        challenge = body.get("challenge")
        if body.get("type") != "url_verification" or not isinstance(challenge, str):
            return None
        return Answer(body=json.dumps({"challenge": challenge}), content_type="application/json")

    def verify(self, incoming: Incoming, settings: Settings) -> None:
        timestamp, given = incoming.header("X-Slack-Request-Timestamp"), incoming.header("X-Slack-Signature")
        signed = b"v0:" + timestamp.encode("utf-8", "surrogateescape") + b":" + incoming.body
        expected = ["v0=" + hmac.new(secret.encode(), signed, "sha256").hexdigest() for secret in settings.secrets]
        if not matches_any(expected, given):
            raise RefusedError(Reason.SIGNATURE, "The signature is wrong.")
        check_fresh(timestamp, incoming)

    def parse(self, incoming: Incoming, settings: Settings) -> list[Received]:
        if incoming.is_form:
            return [self._interaction(incoming)]
        body = incoming.json_object()
        event = body.get("event")
        kind = event.get("type") if isinstance(event, dict) else body.get("type")
        if not isinstance(kind, str):
            raise RefusedError(Reason.MALFORMED, "The body has no type.")
        event_id = body.get("event_id")
        key = event_id if isinstance(event_id, str) and event_id else digest_of(incoming.body)
        return [Received(event_type=f"slack.{event_name(kind)}", key=key[:200], payload=body)]

    @staticmethod
    def _interaction(incoming: Incoming) -> Received:
        """Slash commands are plain forms; interactions hold JSON in the field `payload`."""
        form: dict[str, Any] = dict(incoming.form())
        key = digest_of(incoming.header("X-Slack-Request-Timestamp"), incoming.body)
        if "payload" not in form:
            if "command" not in form:
                raise RefusedError(Reason.MALFORMED, "The form is neither a slash command nor an interaction.")
            return Received(event_type="slack.slash_command", key=key, payload=form)
        payload = incoming.json_object()
        return Received(event_type=f"slack.{event_name(payload.get('type'))}", key=key, payload=payload)


receiving = SlackReceiving()
