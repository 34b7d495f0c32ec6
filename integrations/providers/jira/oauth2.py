"""Connecting Jira Cloud: https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/.

Each use replaces the refresh token; it ends after 90 days without use, and after a year.
"""

from __future__ import annotations

from datetime import timedelta

from integrations.providers.oauth2 import OAuth2

oauth2 = OAuth2(
    authorize_url="https://auth.atlassian.com/authorize",
    token_url="https://auth.atlassian.com/oauth/token",  # noqa: S106  (an address)
    scopes=("read:jira-work", "read:jira-user", "offline_access"),
    authorize_parameters={"audience": "api.atlassian.com", "prompt": "consent"},
    sends_json=True,
    lifetime=timedelta(hours=1),
    rotates=True,
)
