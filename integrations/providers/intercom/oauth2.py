"""Connecting an Intercom workspace: https://developers.intercom.com/docs/build-an-integration/learn-more/authentication/setting-up-oauth.

The rights are those of the app. Tokens do not end, and there is nothing to renew them with.
"""

from __future__ import annotations

from integrations.providers.oauth2 import OAuth2
from integrations.providers.values import Values


def authorize_url(values: Values) -> str:
    """Return where people of the workspace's region agree."""
    region = values.get("region", "us")
    return "https://app.intercom.com/oauth" if region == "us" else f"https://app.{region}.intercom.com/oauth"


oauth2 = OAuth2(
    authorize_url=authorize_url,
    token_url="https://api.intercom.io/auth/eagle/token",  # noqa: S106  (an address)
    refresh_token_field="",
)
