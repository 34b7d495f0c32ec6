"""Slack: a bot's token for its Web API, an incoming webhook, or both."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.slack.connection import who_am_i

slack = Provider(
    key="slack",
    label="Slack",
    slot="slack",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST}),
    test=who_am_i,
    fields=(
        Field(
            name="bot_token",
            label="Bot token",
            help="“Bot User OAuth Token”, under OAuth & Permissions of the app.",
            example="xoxb-example-token-for-documentation",
            required_without=("webhook_url",),
            pattern=r"xox[a-z]?[.-][!-~]+",
            pattern_message="The “Bot User OAuth Token”, which begins with xoxb-.",
            max_length=500,
        ),
        Field(
            name="webhook_url",
            label="Incoming webhook address",
            help="The whole address; whoever knows it can post.",
            example="https://hooks.slack.com/services/T00000000/B00000000/ExampleOnlyNotReal",
            required_without=("bot_token",),
            kind=FieldKind.URL,
            pattern=r"https://hooks\.slack(?:-gov)?\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+",
            pattern_message="An address such as https://hooks.slack.com/services/T…/B…/…, from Incoming Webhooks.",
        ),
        Field(
            name="default_channel",
            label="Default channel",
            help="The channel's ID, at the end of its details; the bot must be a member of it.",
            example="C0123456789",
            secret=False,
            pattern=r"[CGD][A-Z0-9]{8,20}|#[^\s]{1,80}",
            pattern_message="A channel's ID such as C0123456789, or its name with #.",
            max_length=81,
        ),
    ),
)
