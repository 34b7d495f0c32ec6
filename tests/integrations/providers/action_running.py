"""Running an action's function by itself: with given values, without a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.providers.actions import ActionCall, ReceiverPlace, action_of
from integrations.providers.client import ProviderClient
from integrations.providers.registry import get_provider
from integrations.providers.values import Values


def run_action(
    provider: str,
    action: str,
    values: Mapping[str, str],
    parameters: Mapping[str, Any],
    *,
    state: dict[str, object] | None = None,
    receivers: Sequence[ReceiverPlace] = (),
    is_shared: bool = False,
) -> Mapping[str, object]:
    """Clean the parameters and run it. `state` is what it remembers, as a dict that is changed."""
    declared = get_provider(provider)
    found, kept = action_of(declared, action), {} if state is None else state
    cleaned, problems = found.cleaned(parameters)
    assert problems == {}

    def remember(name: str, value: object) -> None:
        kept.pop(name, None)
        if value is not None:
            kept[name] = value

    opened = Values(declared, dict(values))
    with ProviderClient(declared, opened) as client:
        return found.function(
            ActionCall(
                client=client,
                values=opened,
                parameters=cleaned,
                state=kept,
                remember=remember,
                is_shared=is_shared,
                receivers=lambda: receivers,
            )
        )
