"""Salesforce: an org at its My Domain, sandboxes included."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from integrations.providers.base import Capability, Field, Provider
from integrations.providers.oauth_fields import previous_secret_field
from integrations.providers.salesforce.connection import DEFAULT_VERSION, read_user

_SUFFIX: Final = ".my.salesforce.com"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LIGHTNING: Final = re.compile(rf"({_LABEL}(?:\.{_LABEL})?)\.lightning\.force\.com")
_VISIBLE: Final = r"[!-~]+"


def as_my_domain(text: str) -> str:
    """Return the host of a pasted address; one of the Lightning pages becomes the org's own."""
    host = text.lower()
    if host.startswith("https://"):
        host = host.removeprefix("https://").partition("/")[0]
    page = _LIGHTNING.fullmatch(host)
    return f"{page[1]}{_SUFFIX}" if page else host


salesforce = Provider(
    key="salesforce",
    label="Salesforce",
    slot="salesforce",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2}),
    oauth2="integrations.providers.salesforce.oauth2.oauth2",
    test=read_user,
    fields=(
        Field(
            name="my_domain",
            label="My Domain",
            help="The org's own host. A sandbox's is like acme--test.sandbox.my.salesforce.com.",
            example="acme.my.salesforce.com",
            secret=False,
            required=True,
            # The one label before the suffix says the kind of org: sandbox, develop, scratch and so on.
            pattern=rf"{_LABEL}(?:\.{_LABEL})?{re.escape(_SUFFIX)}",
            pattern_message="A host such as acme.my.salesforce.com, from Setup, My Domain; not login.salesforce.com.",
            max_length=200,
            normalise=as_my_domain,
        ),
        Field(
            name="client_id",
            label="Consumer key",
            help="Of an external client app; also called client ID.",
            example="3MVG9ExampleConsumerKeyForDocumentationOnly",
            secret=False,
            required_with=("client_secret",),
            pattern=_VISIBLE,
            pattern_message="Paste the consumer key alone: no spaces and no letters outside ASCII.",
        ),
        Field(
            name="client_secret",
            label="Consumer secret",
            help="Beside the consumer key. With both, tokens are asked for without a person.",
            example="ExampleConsumerSecretForDocumentation0123456789",
            required_without=("access_token",),
            pattern=_VISIBLE,
            pattern_message="Paste the consumer secret alone: no spaces and no letters outside ASCII.",
        ),
        previous_secret_field(section="Further settings"),
        Field(
            name="access_token",
            label="Access token",
            section="Tokens",
            help="A session's token; it ends with the session, by default after two hours without use.",
            example="00DExampleOrgId!ExampleAccessTokenForDocumentationOnly",
            required_without=("client_secret",),
            required_with=("refresh_token",),
            pattern=_VISIBLE,
            pattern_message="Paste the token alone: no spaces, no “Bearer”, no letters outside ASCII.",
            max_length=4000,
        ),
        Field(
            name="refresh_token",
            label="Refresh token",
            section="Tokens",
            help="Comes with the access token when a person connects the org.",
            example="5AepExampleRefreshTokenForDocumentationOnly",
            pattern=_VISIBLE,
            pattern_message="Paste the token alone: no spaces and no letters outside ASCII.",
            max_length=1000,
        ),
        Field(
            name="api_version",
            label="API version",
            section="Further settings",
            help="Left out, it is v66.0.",
            example="v66.0",
            secret=False,
            pattern=r"v[1-9][0-9]{1,2}\.0",
            pattern_message="A version such as v66.0.",
            max_length=8,
            default=DEFAULT_VERSION,
        ),
    ),
)
