"""What a provider declares for `Capability.TEST`: one function that proves with a cheap read that its values work.

def test(client: ProviderClient, values: Values) -> ConnectionReport: …

It changes nothing at the provider, and takes of its answers only what it names: an answer may hold secrets itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from integrations.providers.base import Capability, Provider
from integrations.providers.client import DEADLINE_SECONDS, ProviderClient
from integrations.providers.outcome import MAX_MESSAGE, ProviderError, Result
from integrations.providers.values import Values

MAX_IDENTITY: Final = 200
MAX_DATA_TEXT: Final = 300

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """A test that succeeded.

    `identity` is whom or what the credentials belong to, in the provider's words; `data` a few facts as plain JSON;
    `message` one or more sentences for a person, made from the identity when it is empty.
    """

    identity: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    message: str = ""
    expires_at: datetime | None = None
    """When the credentials end, where the provider says so."""


ConnectionTest = Callable[[ProviderClient, Values], ConnectionReport]


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How a test ended; no secret of the integration is in any of it. `latency_ms` covers all of its requests."""

    __test__ = False  # no class of tests, whatever its name looks like to pytest

    result: Result
    message: str
    identity: str
    data: dict[str, object]
    latency_ms: int
    retry_after: float | None = None
    expires_at: datetime | None = None

    @property
    def success(self) -> bool:
        return self.result is Result.OK


def run_connection_test(provider: Provider, values: Values, *, deadline: float = DEADLINE_SECONDS) -> TestOutcome:
    """Run the provider's test. Never raises for anything the provider does; call it outside of any transaction.

    Raises ValueError for a provider without this capability, and RequestInTransactionError.
    """
    test = provider.connection_test
    if test is None:
        raise ValueError(f"{provider.key} has no {Capability.TEST}.")
    started = time.perf_counter()
    with ProviderClient(provider, values, deadline=deadline) as client:
        try:
            report = test(client, values)
        except ProviderError as error:
            said = client.scrubbed(error)
            outcome = TestOutcome(said.result, said.message, "", {}, _milliseconds(started), said.retry_after)
        else:
            outcome = _succeeded(client, report, _milliseconds(started))
    logger.info("connection_tested", provider=provider.key, result=outcome.result, latency_ms=outcome.latency_ms)
    return outcome


def _succeeded(client: ProviderClient, report: ConnectionReport, latency_ms: int) -> TestOutcome:
    scrubber = client.scrubber
    identity = scrubber.text(report.identity, max_length=MAX_IDENTITY)
    message = report.message or (f"Connected as {report.identity.rstrip('.')}." if report.identity else "Connected.")
    data = scrubber.json(report.data, max_length=MAX_DATA_TEXT)
    return TestOutcome(
        Result.OK,
        scrubber.text(message, max_length=MAX_MESSAGE),
        identity,
        data if isinstance(data, dict) else {},
        latency_ms,
        expires_at=report.expires_at,
    )


def _milliseconds(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


# --- Reading answers ------------------------------------------------------------------------------------------------


def text_in(found: Mapping[str, object], *path: str) -> str:
    """Return the text or number at a path of names, "" where there is none; raises nothing."""
    value: object = found
    for name in path:
        if not isinstance(value, Mapping):
            return ""
        value = value.get(name)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def number_in(found: Mapping[str, object], *path: str) -> int | None:
    """Return the whole number at a path of names, also one written as text; None where there is none."""
    text = text_in(found, *path)
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 20 else None
