"""How a call of a provider's API ended, in words that are the same for all of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

MAX_MESSAGE: Final = 500


class Result(StrEnum):
    """The class of an outcome. It says who has to act: a person, the operator, or nobody but time."""

    OK = "ok"
    BAD_CREDENTIALS = "bad_credentials"
    """The provider does not know these credentials, or not any more."""
    MISSING_PERMISSION = "missing_permission"
    """It knows them, and they do not suffice."""
    WRONG_HOST = "wrong_host"
    """Something answers there, but not this API, or it does not have what the settings name."""
    RATE_LIMITED = "rate_limited"
    PROVIDER_DOWN = "provider_down"
    NETWORK = "network"
    """No complete answer: DNS, connecting, a timeout, a connection that broke."""
    TLS = "tls"
    BLOCKED = "blocked"
    """Signalbox itself refuses to send there."""


def result_choices() -> list[tuple[str, str]]:
    """Return the results for the API's description."""
    return [(str(result), str(result)) for result in Result]


REFUSED: Final = "refused"
"""What an action comes to beside these: the provider took the credentials and refused what it was given."""

TRANSIENT: Final = frozenset({Result.RATE_LIMITED, Result.PROVIDER_DOWN, Result.NETWORK})
"""What says nothing about the credentials and is likely over soon."""


class ProviderError(Exception):
    """A call that did not give what was asked for.

    `message` is a sentence for a person, at most 500 characters. `retry_after` is in how many seconds the provider wants
    to be asked again, where it says so; `code` is the provider's own word for the error; `status` is the HTTP status, None
    where there was no answer.
    """

    def __init__(
        self,
        result: Result,
        message: str,
        retry_after: float | None = None,
        *,
        code: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.result = result
        self.message = message
        self.retry_after = retry_after
        self.code = code
        self.status = status

    def reworded(self, message: str, code: str) -> ProviderError:
        """Return the same error in other words."""
        return ProviderError(self.result, message, self.retry_after, code=code, status=self.status)
