"""Installing a Slack app by OAuth2: https://docs.slack.dev/authentication/installing-with-oauth. Errors come with status 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from integrations.providers.answers import Answer
from integrations.providers.connection_test import text_in
from integrations.providers.oauth2 import OAuth2
from integrations.providers.outcome import ProviderError, Result

_CLIENT: Final = frozenset({"invalid_client_id", "bad_client_secret"})
_ENDED: Final = frozenset({"invalid_refresh_token", "token_revoked", "token_expired", "account_inactive"})


def explain(answer: Answer) -> ProviderError | None:
    """Give Slack's own words for a refused client the standard's code, by which the previous secret is tried."""
    if text_in(answer.object_or_empty(), "error") not in _CLIENT:
        return None
    message = "Slack does not accept the client ID or the client secret."
    return ProviderError(Result.BAD_CREDENTIALS, message, code="invalid_client", status=answer.status)


def workspace(body: Mapping[str, object]) -> str:
    return text_in(body, "team", "name") or text_in(body, "team", "id")


oauth2 = OAuth2(
    authorize_url="https://slack.com/oauth/v2/authorize",
    token_url="https://slack.com/api/oauth.v2.access",  # noqa: S106  (an address)
    scopes=("chat:write", "chat:write.public"),
    scope_separator=",",
    pkce=False,  # Slack takes a proof key from apps without a secret alone
    access_token_field="bot_token",  # noqa: S106  (a name)
    # Tokens end only where the app rotates them, and then the answer says when.
    lifetime=None,
    rotates=True,
    ended_grants=frozenset({"invalid_grant", *_ENDED}),
    explain=explain,
    account=workspace,
)
