"""Slack: a bot's token for its Web API, an incoming webhook, or both."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.oauth_fields import OWN_APP, previous_secret_field
from integrations.providers.slack.connection import who_am_i

slack = Provider(
    key="slack",
    label="Slack",
    slot="slack",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2, Capability.NOTIFY}),
    oauth2="integrations.providers.slack.oauth2.oauth2",
    notify="integrations.providers.slack.notifying.notify",
    actions=("integrations.providers.slack.notifying.notify",),
    test=who_am_i,
    fields=(
        Field(
            name="bot_token",
            label="Bot token",
            help="“Bot User OAuth Token”, under OAuth & Permissions of the app.",
            example="xoxb-example-token-for-documentation",
            required_without=("webhook_url", "client_secret"),
            pattern=r"xox[a-z]?[.-][!-~]+",
            pattern_message="The “Bot User OAuth Token”, which begins with xoxb-.",
            max_length=500,
        ),
        Field(
            name="webhook_url",
            label="Incoming webhook address",
            help="The whole address; whoever knows it can post.",
            example="https://hooks.slack.com/services/T00000000/B00000000/ExampleOnlyNotReal",
            required_without=("bot_token", "client_secret"),
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
        Field(
            name="client_id",
            label="Client ID",
            section=OWN_APP,
            help="Of your own app, to connect with it instead of the platform's.",
            example="1234567890.1234567890123",
            secret=False,
            required_with=("client_secret",),
            pattern=r"[!-~]+",
            pattern_message="Paste the client ID alone: no spaces and no letters outside ASCII.",
            max_length=200,
        ),
        Field(
            name="client_secret",
            label="Client secret",
            section=OWN_APP,
            help="Beside the client ID.",
            example="example-client-secret-for-documentation",
            pattern=r"[!-~]+",
            pattern_message="Paste the client secret alone: no spaces and no letters outside ASCII.",
            max_length=500,
        ),
        previous_secret_field(section=OWN_APP),
        Field(
            name="refresh_token",
            label="Refresh token",
            section=OWN_APP,
            help="Comes from connecting where the app's tokens end; each use replaces it.",
            example="xoxe-1-example-refresh-token-for-documentation",
            pattern=r"[!-~]+",
            pattern_message="Paste the token alone: no spaces and no letters outside ASCII.",
            max_length=1000,
        ),
    ),
)
