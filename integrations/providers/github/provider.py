"""GitHub, on github.com or an Enterprise Server."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.github.connection import DEFAULT_BASE, read_user
from integrations.providers.oauth_fields import OWN_APP, previous_secret_field

github = Provider(
    key="github",
    label="GitHub",
    slot="github",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2, Capability.NOTIFY}),
    oauth2="integrations.providers.github.oauth2.oauth2",
    notify="integrations.providers.github.notifying.notify",
    actions=(
        "integrations.providers.github.notifying.notify",
        "integrations.providers.github.notifying.dispatch",
        "integrations.providers.github.hooks.create",
        "integrations.providers.github.hooks.delete",
    ),
    test=read_user,
    fields=(
        Field(
            name="token",
            label="Access token",
            help="A fine-grained or classic personal access token, or one of an app's installation.",
            example="github_pat_ExampleTokenForDocumentationOnly0123456789",
            required_without=("client_secret",),
            pattern=r"[!-~]+",
            pattern_message="Paste the token alone: no spaces and no letters outside ASCII.",
            max_length=500,
        ),
        Field(
            name="repository_owner",
            label="Repository owner",
            help="The user or organisation whose repository is meant.",
            example="octo-org",
            secret=False,
            required_with=("repository",),
            pattern=r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98})",
            pattern_message="The name in the repository's address, such as octo-org; no slash.",
            max_length=100,
        ),
        Field(
            name="repository",
            label="Repository",
            help="When it is given, a test proves that the token can see it.",
            example="hello-world",
            secret=False,
            pattern=r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}",
            pattern_message="The repository's name alone, such as hello-world; no slash.",
            max_length=100,
        ),
        Field(
            name="base_url",
            label="API address",
            section="An Enterprise Server",
            help=f"Left out, it is {DEFAULT_BASE}. An Enterprise Server answers at https://HOST/api/v3.",
            example="https://github.example.com/api/v3",
            secret=False,
            kind=FieldKind.URL,
            pattern=r"[^?]+",
            pattern_message="An address without a query (the part after ?), such as https://github.example.com/api/v3.",
            max_length=1000,
            default=DEFAULT_BASE,
        ),
        Field(
            name="client_id",
            label="Client ID",
            section=OWN_APP,
            help="Of your own app, to connect with it instead of the platform's.",
            example="Iv1.0123456789abcdef",
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
            example="ghr_ExampleRefreshTokenForDocumentationOnly",
            pattern=r"[!-~]+",
            pattern_message="Paste the token alone: no spaces and no letters outside ASCII.",
            max_length=1000,
        ),
    ),
)
