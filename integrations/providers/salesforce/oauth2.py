"""Connecting a Salesforce org at its My Domain, sandboxes included; or the app by itself, by client credentials.

https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flows.htm. The token answer tells no lifetime: it is the
org's session timeout, two hours unless somebody changed it; a token that is refused before is renewed all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from integrations.providers.connection_test import text_in
from integrations.providers.oauth2 import OAuth2


def user_of(body: Mapping[str, object]) -> str:
    """Return organisation and user out of the identity address, `https://…/id/00D…/005…`."""
    return "/".join(text_in(body, "id").split("/")[-2:])


oauth2 = OAuth2(
    authorize_url=lambda values: f"https://{values['my_domain']}/services/oauth2/authorize",
    token_url=lambda values: f"https://{values['my_domain']}/services/oauth2/token",
    scopes=("api", "refresh_token", "offline_access"),
    lifetime=timedelta(hours=2),
    client_credentials=True,
    account=user_of,
)
