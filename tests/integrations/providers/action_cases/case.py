"""How the recorded answers of a provider's actions are written down: `CASES` in a module named for it beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from integrations.providers.actions import ActionCall, ReceiverPlace, action_of
from integrations.providers.base import Provider
from integrations.providers.client import ProviderClient
from integrations.providers.values import Values
from tests.integrations.providers.connection_cases.case import Reply

REQUIRED: Final = {"success", "wrong credentials", "missing permission", "rate limit", "outage", "nonsense"}
"""What every action must bring; more is welcome."""


@dataclass(frozen=True, kw_only=True)
class ActionCase:
    """What an action must come to when its provider answers so, each reply once and in this order.

    The integration has the examples of its provider's fields; `values` replaces some, None leaves one out. `result` is the
    class of the outcome, `refused` for what the provider refuses.
    """

    action: str
    name: str
    result: str
    replies: tuple[Reply, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)
    values: Mapping[str, str | None] = field(default_factory=dict)
    state: Mapping[str, object] = field(default_factory=dict)
    receivers: tuple[ReceiverPlace, ...] = ()
    answer: Mapping[str, Any] | None = None
    says: str = ""
    """Part of the message of an error."""
    retry_after: float | None = None
    parameter: str = ""
    """The one that is refused."""
    sent: tuple[Any, ...] = ()
    """The bodies of the requests that have one, as JSON."""

    def opened(self, provider: Provider) -> Values:
        given = {f.name: f.example for f in provider.fields} | dict(self.values)
        return Values(provider, provider.cleaned(given))

    def call(self, provider: Provider, client: ProviderClient, values: Values) -> tuple[ActionCall, dict[str, object]]:
        """Return the call of the action, and what it remembers."""
        cleaned, problems = action_of(provider, self.action).cleaned(self.parameters)
        assert problems == {}
        kept = dict(self.state)

        def remember(name: str, value: object) -> None:
            kept[name] = client.scrubber.json(value, max_length=2000)

        call = ActionCall(
            client=client,
            values=values,
            parameters=cleaned,
            state=kept,
            remember=remember,
            receivers=lambda: self.receivers,
        )
        return call, kept
