"""Connecting a HubSpot account: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth.

Access tokens live for half an hour; the refresh token has no fixed end.
"""

from __future__ import annotations

from datetime import timedelta

from integrations.providers.answers import Answer
from integrations.providers.connection_test import text_in
from integrations.providers.hubspot.connection import DEFAULT_REGION
from integrations.providers.oauth2 import OAuth2
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values


def authorize_url(values: Values) -> str:
    """Return where a person agrees, which is where the account's people log in; tokens come from one address for all."""
    region = values.get("region", DEFAULT_REGION)
    host = "app.hubspot.com" if region == DEFAULT_REGION else f"app-{region}.hubspot.com"
    return f"https://{host}/oauth/authorize"


def explain(answer: Answer) -> ProviderError | None:
    """Give HubSpot's own word for a refresh token that has ended the standard's code."""
    if text_in(answer.object_or_empty(), "status") != "BAD_REFRESH_TOKEN":
        return None
    message = "HubSpot does not honour the refresh token any more: the app was uninstalled, or connected anew."
    return ProviderError(Result.BAD_CREDENTIALS, message, code="invalid_grant", status=answer.status)


oauth2 = OAuth2(
    authorize_url=authorize_url,
    token_url="https://api.hubapi.com/oauth/2026-03/token",  # noqa: S106  (an address)
    scopes=(
        "oauth",
        "crm.objects.contacts.read",
        "crm.objects.companies.read",
        "crm.objects.deals.read",
        "tickets",
        "crm.objects.owners.read",
    ),
    lifetime=timedelta(minutes=30),
    explain=explain,
)
