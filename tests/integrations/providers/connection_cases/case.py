"""How the recorded answers of a provider are written down: `CASES` in a module named for it beside this one."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final

import responses

from integrations.providers.base import Provider
from integrations.providers.connection_test import TestOutcome, run_connection_test
from integrations.providers.outcome import Result
from integrations.providers.values import Values

REQUIRED: Final = (
    "success",
    "wrong credentials",
    "ended credentials",
    "missing permission",
    "rate limit",
    "outage",
    "nonsense",
)
"""What every provider must bring, or say in `CANNOT_HAPPEN` beside `CASES` why there is no such answer; more is welcome."""
HTML: Final = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>"


@dataclass(frozen=True)
class Reply:
    """One request that is expected, and its answer: `body` as JSON, unless it is text."""

    method: str
    url: str
    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def register(self, mock: responses.RequestsMock) -> None:
        is_text = isinstance(self.body, str)
        headers = {"Content-Type": "text/plain" if is_text else "application/json", **self.headers}
        content_type = headers.pop("Content-Type")
        body = self.body if is_text else json.dumps(self.body)
        mock.add(self.method, self.url, status=self.status, body=body, headers=headers, content_type=content_type)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the test of an integration must come to when its provider answers so, each reply once and in this order.

    The integration has the examples of its provider's fields; `values` replaces some, None leaves one out.
    """

    name: str
    result: Result
    replies: tuple[Reply, ...]
    values: Mapping[str, str | None] = field(default_factory=dict)
    identity: str = ""
    data: Mapping[str, Any] | None = None
    says: str = ""
    """Part of the message."""
    retry_after: float | None = None

    def opened(self, provider: Provider) -> Values:
        given = {f.name: f.example for f in provider.fields} | dict(self.values)
        return Values(provider, provider.cleaned(given))


def case_module(provider: Provider) -> ModuleType:
    return importlib.import_module(f"tests.integrations.providers.connection_cases.{provider.key}")


def cases_of(provider: Provider) -> list[Case]:
    cases: list[Case] = case_module(provider).CASES
    return cases


def impossible(provider: Provider) -> dict[str, str]:
    """Return which of the required cases a provider cannot bring, and why."""
    return dict(getattr(case_module(provider), "CANNOT_HAPPEN", {}))


def outcome_of(provider: Provider, case: Case) -> TestOutcome:
    """Run the provider's own test against the recorded answers, each of which must be asked for."""
    with responses.RequestsMock() as mock:
        for reply in case.replies:
            reply.register(mock)
        outcome = run_connection_test(provider, case.opened(provider))
        assert [call.request.method for call in mock.calls] == [reply.method for reply in case.replies]
    return outcome
