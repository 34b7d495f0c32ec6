"""Jira Cloud: a site's issues and users."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.host_names import LABEL, PASTED_LENGTH, label_before
from integrations.providers.jira.connection import DOMAIN, read_user
from integrations.providers.oauth_fields import OWN_APP, oauth_fields

jira = Provider(
    key="jira",
    label="Jira Cloud",
    slot="jira",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2}),
    oauth2="integrations.providers.jira.oauth2.oauth2",
    test=read_user,
    fields=(
        Field(
            name="site",
            label="Site",
            help="your-domain when you use Jira at your-domain.atlassian.net.",
            example="your-domain",
            secret=False,
            required=True,
            pattern=LABEL,
            pattern_message="What stands before .atlassian.net: letters, digits and hyphens, such as your-domain.",
            max_length=PASTED_LENGTH,
            normalise=label_before(DOMAIN),
        ),
        Field(
            name="email",
            label="E-mail address",
            help="Of the Atlassian account that made the API token.",
            example="mia@example.com",
            secret=False,
            required_with=("api_token",),
            kind=FieldKind.EMAIL,
            max_length=254,
        ),
        Field(
            name="api_token",
            label="API token",
            help="From id.atlassian.com, Security. It ends after at most a year.",
            example="ATATT3xExampleApiTokenForDocumentationOnly",
            required_without=("access_token", "client_secret"),
            pattern=r"[!-~]+",
            pattern_message="Paste the token alone: no spaces and no letters outside ASCII.",
        ),
        Field(
            name="cloud_id",
            label="Cloud ID",
            section="Further settings",
            help="Needed for an API token with scopes, which works only through api.atlassian.com.",
            example="11223344-a1b2-4c3d-8e4f-a1b2c3d4e5f6",
            secret=False,
            pattern=r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            pattern_message="A UUID such as 11223344-a1b2-4c3d-8e4f-a1b2c3d4e5f6.",
            normalise=str.lower,
        ),
        *oauth_fields(
            access_token=(
                "Comes from connecting; used before the API token.",
                "eyJraWQiExampleAccessTokenForDocumentation",
            ),
            client_id=("Of your own OAuth 2.0 (3LO) app, from its settings.", "ExampleClientIdForDocumentation00"),
            client_secret=("Beside the client ID.", "ATOAExampleClientSecretForDocumentation"),
            refresh_token=(
                "Comes along with the access token; each use replaces it.",
                "eyJraWQiExampleRefreshTokenForDocumentation",
            ),
            instead=("api_token",),
            section=OWN_APP,
        ),
    ),
)
