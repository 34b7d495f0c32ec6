"""How the recorded answers of a provider are written down: `CASES` in a module named for it beside this one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import responses

from integrations.providers.base import Provider
from integrations.providers.outcome import Result
from integrations.providers.values import Values

REQUIRED: Final = {"success", "wrong credentials", "missing permission", "rate limit", "outage", "nonsense"}
"""What every provider must bring; more is welcome."""
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
