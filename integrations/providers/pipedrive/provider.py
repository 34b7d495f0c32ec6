"""Pipedrive: a company's persons and deals."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, Provider
from integrations.providers.host_names import LABEL, PASTED_LENGTH, label_before
from integrations.providers.oauth_fields import OWN_APP, oauth_fields
from integrations.providers.pipedrive.connection import DOMAIN, read_user

pipedrive = Provider(
    key="pipedrive",
    label="Pipedrive",
    slot="pipedrive",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2}),
    oauth2="integrations.providers.pipedrive.oauth2.oauth2",
    test=read_user,
    fields=(
        Field(
            name="company_domain",
            label="Company domain",
            help="acme when you use Pipedrive at acme.pipedrive.com.",
            example="acme",
            secret=False,
            required=True,
            pattern=LABEL,
            pattern_message="What stands before .pipedrive.com: letters, digits and hyphens, such as acme.",
            max_length=PASTED_LENGTH,
            normalise=label_before(DOMAIN),
        ),
        Field(
            name="api_token",
            label="API token",
            help="Personal preferences, API. It belongs to one user in one company.",
            example="0123456789abcdef0123456789abcdef01234567",
            required_without=("access_token", "client_secret"),
            pattern=r"[0-9a-f]{40}",
            pattern_message="40 digits and letters from a to f, from Personal preferences, API.",
        ),
        *oauth_fields(
            access_token=(
                "Comes from connecting; used before the API token.",
                "v1u:ExampleAccessTokenForDocumentation",
            ),
            client_id=("Of your own app, from the Developer Hub.", "0123456789abcdef"),
            client_secret=("Beside the client ID.", "exampleclientsecretfordocumentation01234"),
            refresh_token=("Comes along with the access token.", "1234567:7654321:examplerefreshtokenfordocumentation"),
            instead=("api_token",),
            section=OWN_APP,
        ),
    ),
)
