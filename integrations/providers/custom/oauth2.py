"""OAuth2 of any API: client credentials (RFC 6749, section 4.4), or a person agrees (section 4.1) with a proof key (RFC 7636)."""

from __future__ import annotations

from datetime import timedelta

from integrations.providers.oauth2 import ClientAuthentication, OAuth2

oauth2 = OAuth2(
    authorize_url=lambda values: values["authorize_url"],
    token_url=lambda values: values["token_url"],
    free_address_field="token_url",
    scope_field="scope",
    pkce=lambda values: values.get("pkce") != "off",
    client_authentication=lambda values: ClientAuthentication(values["client_authentication"]),
    lifetime=timedelta(minutes=5),
    client_credentials=True,
    used_when=("auth_type", ("oauth2", "oauth2_code")),
    agreed_when=("auth_type", ("oauth2_code",)),
)
