"""Chatwoot, in its cloud or self-hosted."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.chatwoot.connection import read_account

_VISIBLE = r"[!-~]+"
_ALONE = "Paste the token alone: no spaces and no letters outside ASCII."

_ACTIONS = ("provision", "deprovision", "create_inbox", "create_agent_bot", "assign_agent_bot", "send_message")

chatwoot = Provider(
    key="chatwoot",
    label="Chatwoot",
    slot="chatwoot",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST}),
    test=read_account,
    actions=tuple(f"integrations.providers.chatwoot.actions.{name}" for name in _ACTIONS),
    fields=(
        Field(
            name="base_url",
            label="Server address",
            help="https://app.chatwoot.com, or where your own server answers. The access token is sent there.",
            example="https://chatwoot.example.com",
            secret=False,
            required=True,
            kind=FieldKind.URL,
            # What follows the host in a browser's address is the web application's, not the API's.
            pattern=r"[A-Za-z]+://[^/?#]+/?",
            pattern_message="The server's address without a path, such as https://app.chatwoot.com.",
            max_length=300,
            environment=("CHATWOOT_BASE_URL",),
        ),
        Field(
            name="account_id",
            label="Account ID",
            help="The number in the browser's address: /app/accounts/NUMBER.",
            example="12345",
            secret=False,
            required=True,
            pattern=r"[1-9][0-9]{0,17}",
            pattern_message="Digits only: the number after /app/accounts/ in the browser's address.",
            environment=("CHATWOOT_ACCOUNT_ID",),
        ),
        Field(
            name="api_access_token",
            label="Access token",
            help="At the end of your profile settings. It acts with that person's rights.",
            example="ExampleChatwootTokenForDocs1",
            required=True,
            pattern=_VISIBLE,
            pattern_message=_ALONE,
            max_length=256,
            environment=("CHATWOOT_API_KEY",),
        ),
        Field(
            name="platform_token",
            label="Platform token",
            section="Further settings",
            help="Of a platform app, made by the super admin of a server of one's own. Opens nothing but the platform API.",
            example="ExamplePlatformTokenForDocs1",
            pattern=_VISIBLE,
            pattern_message=_ALONE,
            max_length=256,
        ),
    ),
)
