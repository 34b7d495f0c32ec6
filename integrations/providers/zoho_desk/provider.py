"""Zoho Desk, in any data centre."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, Provider
from integrations.providers.zoho_accounts import account_fields
from integrations.providers.zoho_desk.connection import read_organisations

zoho_desk = Provider(
    key="zoho_desk",
    label="Zoho Desk",
    slot="zoho_desk",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2}),
    oauth2="integrations.providers.zoho_desk.oauth2.oauth2",
    test=read_organisations,
    fields=(
        *account_fields(),
        Field(
            name="org_id",
            label="Organisation ID",
            help="The portal that is meant. When it is given, a test proves that the token opens it.",
            example="3981311",
            secret=False,
            pattern=r"[1-9][0-9]{0,19}",
            pattern_message="Digits only: the OrgID from Setup, Developer Space, API.",
        ),
    ),
)
