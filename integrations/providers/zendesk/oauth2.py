"""Connecting a Zendesk account: https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/.

Tokens live as long as is asked for: two days, their refresh tokens for 90. Each use replaces the refresh token.
"""

from __future__ import annotations

from datetime import timedelta

from integrations.providers.oauth2 import OAuth2

_LIFETIME = timedelta(days=2)

oauth2 = OAuth2(
    authorize_url=lambda values: f"https://{values['subdomain']}.zendesk.com/oauth/authorizations/new",
    token_url=lambda values: f"https://{values['subdomain']}.zendesk.com/oauth/tokens",
    scopes=("read",),
    sends_json=True,
    token_parameters={
        "expires_in": int(_LIFETIME.total_seconds()),
        "refresh_token_expires_in": int(timedelta(days=90).total_seconds()),
    },
    lifetime=_LIFETIME,
    client_credentials=True,
    rotates=True,
)
