"""Intercom: a workspace's contacts, tickets and conversations, in any region."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.intercom.connection import DEFAULT_REGION, REGIONS, read_workspace
from integrations.providers.oauth_fields import OWN_APP, oauth_fields

intercom = Provider(
    key="intercom",
    label="Intercom",
    slot="intercom",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2}),
    oauth2="integrations.providers.intercom.oauth2.oauth2",
    test=read_workspace,
    fields=(
        Field(
            name="region",
            label="Region",
            help="Where the workspace's data is kept: app.eu.intercom.com is eu.",
            example="eu",
            secret=False,
            kind=FieldKind.CHOICE,
            choices=REGIONS,
            default=DEFAULT_REGION,
        ),
        *oauth_fields(
            access_token=(
                "Developer Hub, your app, Authentication; or it comes from connecting.",
                "dG9rOmV4YW1wbGVfYWNjZXNzX3Rva2VuX2Zvcl9kb2NzOjE6MA==",
            ),
            client_id=(
                "Of your own app, from Basic information in the Developer Hub.",
                "01234567-89ab-cdef-0123-456789abcdef",
            ),
            client_secret=("Beside the client ID.", "fedcba98-7654-3210-fedc-ba9876543210"),
            refresh_token=None,
            section=OWN_APP,
        ),
    ),
)
