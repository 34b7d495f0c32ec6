"""How an adapter talks to its provider: HTTP under the egress guard, with one integration's values and one deadline.

def test(client: ProviderClient, values: Values) -> ConnectionReport:
    answer = client.get("https://api.example.com/me", headers={"Authorization": f"Bearer {values['token']}"})
    return ConnectionReport(identity=text_in(answer.json_object(), "login"))
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Final, Self

from integrations.egress.errors import FailureKind
from integrations.egress.session import OutboundError, guarded_session
from integrations.providers.answers import Answer, error_of
from integrations.providers.base import Provider
from integrations.providers.outcome import MAX_MESSAGE, ProviderError, Result
from integrations.providers.scrubbing import Scrubber
from integrations.providers.values import Values

DEADLINE_SECONDS: Final = 15.0
REQUEST_SECONDS: Final = 10.0
READ_LIMIT: Final = 2 * 1024 * 1024
_CREDENTIAL_HEADERS: Final = ("authorization", "cookie", "token", "key", "secret", "password")
_BY_KIND: Final = {
    FailureKind.TLS: Result.TLS,
    FailureKind.REFUSED: Result.BLOCKED,
    FailureKind.TOO_LARGE: Result.WRONG_HOST,
}

Explain = Callable[[Answer], ProviderError | None]
"""Reads a provider's own error codes out of an answer, of status 200 too; None leaves it to the status."""


class ProviderClient:
    """Requests of one integration. Use it in a `with`; not for several threads.

    `deadline` (seconds) covers all requests together. `secrets` are further values to keep out of errors, such as
    tokens of OAuth2. Every request raises ProviderError, whose text is scrubbed, or RequestInTransactionError: HTTP has no
    place within a transaction.
    """

    def __init__(
        self,
        provider: Provider,
        values: Values,
        *,
        secrets: Iterable[str] = (),
        explain: Explain | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self.provider = provider
        self.answered = 0
        """How many requests succeeded."""
        self.scrubber = Scrubber([*values.secrets(), *secrets])
        self._explain = explain
        self._ends_at = time.monotonic() + deadline
        self._session = guarded_session(timeout=REQUEST_SECONDS, read_limit=READ_LIMIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        explain: Explain | None = None,
    ) -> Answer:
        """Ask for something. Returns an answer of status 2xx that `explain` has nothing against."""
        return self.request("GET", url, headers=headers, params=params, explain=explain)

    def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, str] | bytes | None = None,
        explain: Explain | None = None,
    ) -> Answer:
        """Send something, as JSON or as a form. Never repeated by itself."""
        return self.request("POST", url, headers=headers, params=params, json=json, data=data, explain=explain)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, str] | bytes | None = None,
        explain: Explain | None = None,
    ) -> Answer:
        """Make one request and classify its outcome; `explain`, else the client's own one, is asked first."""
        answer = self.exchange(method, url, headers=headers, params=params, json=json, data=data)
        explain = explain or self._explain
        error = explain(answer) if explain else None
        if error is None and not answer.is_success:
            error = error_of(answer)
        if error is not None:
            raise self.scrubbed(error)
        self.answered += 1
        return answer

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, str] | bytes | None = None,
    ) -> Answer:
        """Make one request and return its answer, whatever it says; raises ProviderError where there is none."""
        for name, value in (headers or {}).items():
            if any(word in name.lower() for word in _CREDENTIAL_HEADERS):
                self.scrubber.protect(value, value.rpartition(" ")[2])
        seconds = min(REQUEST_SECONDS, self._ends_at - time.monotonic())
        if seconds <= 0:
            raise ProviderError(Result.NETWORK, f"{self.provider.label} took too long to answer.")
        try:
            response = self._session.request(
                method, url, headers=dict(headers or {}), params=params, json=json, data=data, timeout=seconds
            )
        except OutboundError as error:
            raise self.scrubbed(ProviderError(_BY_KIND.get(error.kind, Result.NETWORK), error.message)) from None
        return Answer(
            label=self.provider.label,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=response.content,
            charset=response.encoding or "utf-8",
        )

    def scrubbed(self, error: ProviderError) -> ProviderError:
        """Return the error without secrets of this integration in its texts."""
        return error.reworded(
            self.scrubber.text(error.message, max_length=MAX_MESSAGE),
            self.scrubber.text(error.code, max_length=100),
        )


def basic(user: str, password: str) -> str:
    """Return the value of an `Authorization` header with HTTP Basic (RFC 7617, UTF-8)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


def bearer(token: str) -> str:
    """Return the value of an `Authorization` header with a bearer token (RFC 6750)."""
    return f"Bearer {token}"
