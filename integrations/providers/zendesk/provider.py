"""Zendesk Support: an account's tickets and users."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.host_names import LABEL, PASTED_LENGTH, label_before
from integrations.providers.oauth_fields import oauth_fields
from integrations.providers.zendesk.connection import DOMAIN, read_user

zendesk = Provider(
    key="zendesk",
    label="Zendesk",
    slot="zendesk",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2}),
    oauth2="integrations.providers.zendesk.oauth2.oauth2",
    test=read_user,
    fields=(
        Field(
            name="subdomain",
            label="Subdomain",
            help="acme when you use Zendesk at acme.zendesk.com.",
            example="acme",
            secret=False,
            required=True,
            pattern=LABEL,
            pattern_message="What stands before .zendesk.com: letters, digits and hyphens, such as acme.",
            max_length=PASTED_LENGTH,
            normalise=label_before(DOMAIN),
        ),
        *oauth_fields(
            access_token=("Comes from connecting; used before the API token.", "0123456789abcdefexampleaccesstoken"),
            client_id=("The identifier of your own OAuth client, from the Admin Center.", "acme_signalbox"),
            client_secret=(
                "Beside the client ID. Without a refresh token, tokens are asked for without a person.",
                "exampleclientsecretfordocumentation0123456789abcdef",
            ),
            refresh_token=(
                "Comes along with the access token; each use replaces it.",
                "fedcba9876543210examplerefreshtoken",
            ),
            instead=("api_token",),
        ),
        Field(
            name="email",
            label="E-mail address",
            section="An API token, while they last",
            help="Of the agent or admin for whom the API token is used.",
            example="johnny@example.com",
            secret=False,
            required_with=("api_token",),
            kind=FieldKind.EMAIL,
            max_length=254,
        ),
        Field(
            name="api_token",
            label="API token",
            section="An API token, while they last",
            help="Only if you still have one: they can no longer be made, and all end on 30 April 2027.",
            example="ExampleApiTokenForDocumentation0123456789",
            required_without=("access_token", "client_secret"),
            pattern=r"[!-~]+",
            pattern_message="Paste the token alone: no spaces, no “/token:”, no letters outside ASCII.",
        ),
    ),
)
