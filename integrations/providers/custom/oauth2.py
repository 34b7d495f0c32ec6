"""Client credentials of any API (RFC 6749, section 4.4); the client names itself by Basic (section 2.3.1)."""

from __future__ import annotations

from datetime import timedelta

from integrations.providers.oauth2 import ClientAuthentication, OAuth2

oauth2 = OAuth2(
    token_url=lambda values: values["token_url"],
    scope_field="scope",
    client_authentication=ClientAuthentication.BASIC,
    # No field of the form: an edit of the settings drops the token, and the next call gets one for the new settings.
    access_token_field="access_token",  # noqa: S106  (a name)
    refresh_token_field="",
    lifetime=timedelta(minutes=5),
    client_credentials=True,
    used_when=("auth_type", "oauth2"),
)
