"""Connecting Zoho's products: https://www.zoho.com/accounts/protocol/oauth/multi-dc.html. Errors come with status 200.

A refresh token stays the same until it is revoked; ten access tokens are given for it within ten minutes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from integrations.providers.answers import Answer
from integrations.providers.connection_test import text_in
from integrations.providers.oauth2 import OAuth2
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values
from integrations.providers.zoho_accounts import DEFAULT_DATA_CENTRE, zoho_host

_LIMIT: Final = "Access Denied"
_LIMIT_WAIT: Final = 600.0


def accounts_of(values: Values) -> str:
    """Return where the accounts of a data centre are."""
    return f"https://{zoho_host('accounts', values.get('data_centre', DEFAULT_DATA_CENTRE))}"


def explain(answer: Answer) -> ProviderError | None:
    """Say what Zoho's own words mean: neither too many tokens nor a wrong data centre looks like it."""
    error = text_in(answer.object_or_empty(), "error")
    if error == _LIMIT:
        message = "Zoho wants fewer requests for tokens."
        return ProviderError(Result.RATE_LIMITED, message, _LIMIT_WAIT, code=error, status=answer.status)
    if error in {"invalid_client", "invalid_client_secret"}:
        message = "Zoho does not know the client in this data centre, or the client secret is wrong: check the data centre, too."
        return ProviderError(Result.BAD_CREDENTIALS, message, code="invalid_client", status=answer.status)
    return None


def zoho_oauth2(*scopes: str) -> OAuth2:
    """Return the declaration of a product with these scopes."""
    return OAuth2(
        authorize_url=lambda values: f"{accounts_of(values)}/oauth/v2/auth",
        token_url=lambda values: f"{accounts_of(values)}/oauth/v2/token",
        scopes=scopes,
        scope_separator=",",
        # Without them Zoho gives no refresh token.
        authorize_parameters={"access_type": "offline", "prompt": "consent"},
        lifetime=timedelta(hours=1),
        ended_grants=frozenset({"invalid_grant", "invalid_code"}),
        explain=explain,
    )
