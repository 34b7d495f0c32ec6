"""HubSpot: a service key, or tokens of an app that was connected."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.hubspot.connection import DEFAULT_REGION, REGIONS, read_account
from integrations.providers.oauth_fields import OWN_APP, previous_secret_field

_VISIBLE: Final = r"[!-~]+"

hubspot = Provider(
    key="hubspot",
    label="HubSpot",
    slot="hubspot",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2}),
    oauth2="integrations.providers.hubspot.oauth2.oauth2",
    test=read_account,
    fields=(
        Field(
            name="access_token",
            label="Access token",
            help="A service key, the token of an older private app, or one that came from connecting.",
            example="pat-eu1-01234567-89ab-cdef-0123-456789abcdef",
            required_without=("client_secret",),
            pattern=_VISIBLE,
            pattern_message="Paste the token alone: no spaces, no “Bearer”, no letters outside ASCII.",
            max_length=2000,
        ),
        Field(
            name="client_id",
            label="Client ID",
            section=OWN_APP,
            help="Of your own app, from its Auth tab.",
            example="01234567-89ab-cdef-0123-456789abcdef",
            secret=False,
            required_with=("client_secret",),
            pattern=_VISIBLE,
            pattern_message="Paste the client ID alone: no spaces and no letters outside ASCII.",
            max_length=100,
        ),
        Field(
            name="client_secret",
            label="Client secret",
            section=OWN_APP,
            help="Beside the client ID.",
            example="fedcba98-7654-3210-fedc-ba9876543210",
            required_without=("access_token",),
            pattern=_VISIBLE,
            pattern_message="Paste the client secret alone: no spaces and no letters outside ASCII.",
            max_length=200,
        ),
        previous_secret_field(section=OWN_APP),
        Field(
            name="refresh_token",
            label="Refresh token",
            section=OWN_APP,
            help="Comes from connecting your own app; access tokens are made with it.",
            example="eu1-0123-4567-89ab-cdef-example-refresh-token",
            pattern=_VISIBLE,
            pattern_message="Paste the token alone: no spaces and no letters outside ASCII.",
            max_length=2000,
        ),
        Field(
            name="region",
            label="Region",
            help="Where people log in: app-eu1.hubspot.com is eu1. Connecting leads there; the API has one address for all.",
            example="eu1",
            secret=False,
            kind=FieldKind.CHOICE,
            choices=REGIONS,
            default=DEFAULT_REGION,
        ),
        Field(
            name="portal_id",
            label="Account ID",
            help="The Hub ID. When it is given, a test proves that the token belongs to this account.",
            example="12345678",
            secret=False,
            pattern=r"[1-9][0-9]{0,17}",
            pattern_message="Digits only: the Hub ID in the account menu.",
        ),
    ),
)
