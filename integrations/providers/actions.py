"""What a provider declares in `Provider.actions`: what can be done there on request, with one integration's values.

An action is a name, its parameters as fields, and a function:

def create_inbox(call: ActionCall) -> dict[str, object]:
    answer = call.client.post(…)
    return {"inbox_id": …}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from integrations.providers.base import Field
from integrations.providers.client import ProviderClient
from integrations.providers.values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """One run of an action; never inside a transaction.

    `remember` keeps a JSON value at once and durably, in a transaction of its own, under a name of this integration
    (`state` shows what was kept): what an action made at the provider is remembered before the next step, so that half of
    the work is resumed and not doubled. None forgets it.
    """

    client: ProviderClient
    values: Values
    parameters: Mapping[str, str]
    """Cleaned by their fields; what was left out and has no default is absent."""
    state: Mapping[str, object]
    remember: Callable[[str, object], None]


ActionFunction = Callable[[ActionCall], Mapping[str, object]]
"""Does it and returns plain JSON, which is scrubbed. Raises ProviderError; nothing else for anything the provider does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that can be done at a provider."""

    name: str
    label: str
    summary: str
    """One sentence: what it does, and whether it may be repeated."""
    run: ActionFunction | str
    """The function, or its dotted path."""
    parameters: tuple[Field, ...] = ()
    """All of them public: what an action is given is no credential."""
    is_repeatable: bool = False
    """Whether doing it twice comes to the same as once."""
    answer: Mapping[str, str] = field(default_factory=dict)
    """The names in its answer and what each means, for the documentation."""
    scope: str = "integrations:use"

    def __post_init__(self) -> None:
        if secret := [parameter.name for parameter in self.parameters if parameter.secret]:
            raise ValueError(f"action {self.name}: parameters are public, but {', '.join(secret)} is declared secret")
