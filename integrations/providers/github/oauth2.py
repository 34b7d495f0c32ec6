"""Tokens of OAuth apps and GitHub Apps: https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps.

Errors come with status 200. An OAuth app's tokens do not end; those of a GitHub App may, and rotate then.
"""

from __future__ import annotations

from typing import Final

from integrations.providers.answers import Answer
from integrations.providers.connection_test import text_in
from integrations.providers.github.connection import DEFAULT_BASE
from integrations.providers.oauth2 import OAuth2
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

_ENTERPRISE_PATH: Final = "/api/v3"


def site_of(values: Values) -> str:
    """Return where people log in: beside the API on github.com, above it on an Enterprise Server."""
    base = values["base_url"]
    return "https://github.com" if base == DEFAULT_BASE else base.removesuffix(_ENTERPRISE_PATH)


def explain(answer: Answer) -> ProviderError | None:
    """Give GitHub's own word for a refused client the standard's code, by which the previous secret is tried."""
    if text_in(answer.object_or_empty(), "error") != "incorrect_client_credentials":
        return None
    message = "GitHub does not accept the client ID or the client secret."
    return ProviderError(Result.BAD_CREDENTIALS, message, code="invalid_client", status=answer.status)


oauth2 = OAuth2(
    authorize_url=lambda values: f"{site_of(values)}/login/oauth/authorize",
    token_url=lambda values: f"{site_of(values)}/login/oauth/access_token",
    free_address_field="base_url",
    scopes=("repo", "admin:repo_hook"),
    access_token_field="token",  # noqa: S106  (a name)
    rotates=True,
    ended_grants=frozenset({"invalid_grant", "bad_refresh_token"}),
    explain=explain,
)
