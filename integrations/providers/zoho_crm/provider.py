"""Zoho CRM, in any data centre, and its sandboxes."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.zoho_accounts import account_fields
from integrations.providers.zoho_crm.connection import read_organisation

zoho_crm = Provider(
    key="zoho_crm",
    label="Zoho CRM",
    slot="zoho_crm",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2}),
    oauth2="integrations.providers.zoho_crm.oauth2.oauth2",
    test=read_organisation,
    fields=(
        *account_fields(client_variables=("ZOHO_CRM_CLIENT_ID", "ZOHO_CRM_CLIENT_SECRET")),
        Field(
            name="environment",
            label="Environment",
            help="Of which the tokens are: they work in one only.",
            example="production",
            secret=False,
            kind=FieldKind.CHOICE,
            choices=(("production", "Production"), ("sandbox", "Sandbox"), ("developer", "Developer edition")),
            default="production",
        ),
    ),
)
