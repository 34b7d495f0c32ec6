"""Which access token of OAuth2 a request carries: the stored one, or one that is asked for where asking spends nothing.

Client credentials, and refresh tokens that stay the same, can be used at any time without storing the outcome. A refresh
token that is replaced by each use must never be used here: the new one would be lost. Errors: RFC 6749, section 5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient
from integrations.providers.connection_test import text_in
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

Found = TypeVar("Found")
Meanings = Mapping[str, tuple[Result, str]]
"""Sentences for a token endpoint's error codes."""

_MEANINGS: Final[Meanings] = {
    "invalid_grant": (Result.BAD_CREDENTIALS, "The grant is not valid (any more): connect again."),
    "invalid_client": (Result.BAD_CREDENTIALS, "The client ID or the client secret is wrong."),
    "unauthorized_client": (Result.MISSING_PERMISSION, "The app may not ask for tokens in this way."),
    "unsupported_grant_type": (Result.MISSING_PERMISSION, "The app may not ask for tokens in this way."),
    "invalid_scope": (Result.MISSING_PERMISSION, "The app may not ask for these scopes."),
    "access_denied": (Result.MISSING_PERMISSION, "Access was denied."),
    "temporarily_unavailable": (Result.PROVIDER_DOWN, "It has a problem of its own."),
    "server_error": (Result.PROVIDER_DOWN, "It has a problem of its own."),
}


def with_access_token(
    client: ProviderClient, values: Values, ask: Callable[[str], Found], renew: Callable[[], str] | None
) -> Found:
    """Ask with the stored `access_token`; without one, or where it has ended, with what `renew` returns.

    `renew` is None where no token can be asked for. Raises ProviderError.
    """
    if "access_token" in values:
        try:
            return ask(values["access_token"])
        except ProviderError as error:
            if error.result is not Result.BAD_CREDENTIALS or renew is None:
                raise
    if renew is None:
        message = f"There is no access token of {client.provider.label} yet: connect it, or enter a token."
        raise ProviderError(Result.BAD_CREDENTIALS, message)
    return ask(renew())


def ask_for_token(
    client: ProviderClient,
    url: str,
    form: Mapping[str, str | int],
    meanings: Meanings | None = None,
    *,
    as_json: bool = False,
) -> str:
    """Return a new access token. `meanings` come before what the codes mean in general. Raises ProviderError.

    `as_json` is for the endpoints that want JSON instead of the standard's form.
    """

    def explain(answer: Answer) -> ProviderError | None:
        return _explain(answer, {**_MEANINGS, **(meanings or {})})

    answer = client.post(
        url,
        json=dict(form) if as_json else None,
        data=None if as_json else {name: str(value) for name, value in form.items()},
        headers={"Accept": "application/json"},
        explain=explain,
    )
    token = text_in(answer.json_object(), "access_token")
    if not token:
        raise answer.unexpected("it gives no access token")
    client.scrubber.protect(token)
    return token


def _explain(answer: Answer, meanings: Meanings) -> ProviderError | None:
    """Read an error out of an answer of any status: Zoho's come with 200."""
    body = answer.object_or_empty()
    code = text_in(body, "error")
    if answer.status >= 500 or answer.status == 429 or (answer.is_success and not code):
        return None
    if code in meanings:
        result, sentence = meanings[code]
    elif answer.is_success or (answer.status in {400, 401} and body):
        result, sentence = Result.BAD_CREDENTIALS, "No token was given for these credentials."
    else:
        return None
    said = answer.words() if text_in(body, "error_description") or not code else ""
    words = f" {answer.label} says: {said.rstrip('.')}." if said else ""
    named = f" ({code})" if code else ""
    wait = answer.retry_after if result in {Result.RATE_LIMITED, Result.PROVIDER_DOWN} else None
    return ProviderError(
        result, f"{answer.label} gave no token{named}. {sentence}{words}", wait, code=code, status=answer.status
    )
