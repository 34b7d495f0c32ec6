"""Webhooks of GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from integrations.providers.receiving import (
    Incoming,
    Reason,
    Received,
    Receiving,
    RefusedError,
    Settings,
    event_name,
    verify_hex_sha256,
)


class GitHubReceiving(Receiving):
    """`X-Hub-Signature-256` over the raw body alone.

    There is no timestamp. The delivery's id tells repetitions from new events; it is not signed, and neither is the event's
    name, so what keeps a recorded request from being sent again under another id is TLS.
    """

    key = "github"
    label = "GitHub"
    makes_secret = True
    where_from = "Enter it as the webhook's secret on GitHub."
    setup = (
        "On GitHub open the repository's or organisation's Settings, Webhooks, Add webhook. Paste the address, choose "
        "the content type application/json, paste the secret, and choose the events. GitHub sends a ping at once."
    )

    def new_secret(self, options: Mapping[str, str]) -> str:
        return secrets.token_hex(32)

    def verify(self, incoming: Incoming, settings: Settings) -> None:
        given = incoming.header("X-Hub-Signature-256")
        verify_hex_sha256(settings.secrets, incoming.body, given, prefix="sha256=")

    def parse(self, incoming: Incoming, settings: Settings) -> list[Received]:
        event, delivery = incoming.headers.get("x-github-event"), incoming.headers.get("x-github-delivery")
        if not event or not delivery:
            raise RefusedError(Reason.MALFORMED, "X-GitHub-Event or X-GitHub-Delivery is missing.")
        payload = incoming.json_object()
        action = payload.get("action")
        event_type = f"github.{event_name(event)}"
        if isinstance(action, str) and action:
            event_type += f".{event_name(action)}"
        return [Received(event_type=event_type, key=delivery[:200], payload=payload)]


receiving = GitHubReceiving()
