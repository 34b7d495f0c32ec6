"""Connecting a Pipedrive company: https://pipedrive.readme.io/docs/marketplace-oauth-authorization.

The scopes are those of the app. A refresh token that was not used for 60 days has ended.
"""

from __future__ import annotations

from datetime import timedelta

from integrations.providers.oauth2 import ClientAuthentication, OAuth2

oauth2 = OAuth2(
    authorize_url="https://oauth.pipedrive.com/oauth/authorize",
    token_url="https://oauth.pipedrive.com/oauth/token",  # noqa: S106  (an address)
    client_authentication=ClientAuthentication.BASIC,
    lifetime=timedelta(hours=1),
)
