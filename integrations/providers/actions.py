"""What a provider declares in `Provider.actions`: what can be done there on request, with one integration's values.

An action is a name, its parameters as fields, and a function:

def create_inbox(call: ActionCall) -> dict[str, object]:
    answer = call.client.post(…)
    return {"inbox_id": …}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, cast

from django.utils.module_loading import import_string

from integrations.providers.base import Field, Provider
from integrations.providers.client import ProviderClient
from integrations.providers.field_values import InvalidValueError
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MOST_UNKNOWN_NAMED: Final = 20
_LONGEST_NAME_SHOWN: Final = 100


class UnknownActionError(LookupError):
    """A provider has no action of this name."""


class ActionRefusedError(ProviderError):
    """The provider understood what it was given and refuses it; nothing is wrong with the credentials.

    `parameter` is the name of the one that is wrong, "" where nobody can say.
    """

    def __init__(self, message: str, *, parameter: str = "", code: str = "", status: int | None = None) -> None:
        super().__init__(Result.WRONG_HOST, message, code=code, status=status)
        self.parameter = parameter

    def reworded(self, message: str, code: str) -> ProviderError:
        return ActionRefusedError(message, parameter=self.parameter, code=code, status=self.status)


@dataclass(frozen=True, slots=True)
class ReceiverPlace:
    """A receiver of the tenant's: where the provider may deliver its events, and the secret to sign them with."""

    id: str
    name: str
    address: str
    secret: str = field(repr=False)


def no_receivers() -> Sequence[ReceiverPlace]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """One run of an action; never inside a transaction.

    `remember` keeps a JSON value at once and durably, in a transaction of its own, under a name of this integration
    (`state` shows what was kept, and what is remembered meanwhile): what an action made at the provider is remembered
    before the next step, so that half of the work is resumed and not doubled. None forgets it. Names are of at most 100
    characters, values of at most 16 KiB as JSON; neither holds a secret.
    """

    client: ProviderClient
    values: Values
    parameters: Mapping[str, str]
    """Cleaned by their fields; what was left out and has no default is absent."""
    state: Mapping[str, object]
    remember: Callable[[str, object], None]
    is_shared: bool = False
    """Whether the credentials are the platform's own: other tenants use them, too, and their things are there as well.

    An action then touches nothing but what it remembers to have made for this tenant.
    """
    receivers: Callable[[], Sequence[ReceiverPlace]] = no_receivers
    """The tenant's receivers of this provider that are switched on, by name; read when it is called."""


ActionFunction = Callable[[ActionCall], Mapping[str, object]]
"""Does it and returns plain JSON, which is scrubbed. Raises ProviderError; nothing else for anything the provider does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that can be done at a provider."""

    name: str
    label: str
    summary: str
    """What it does, and whether it may be repeated."""
    run: ActionFunction | str
    """The function, or its dotted path."""
    parameters: tuple[Field, ...] = ()
    """All of them public: what an action is given is no credential. Booleans and whole numbers are taken as their text."""
    is_repeatable: bool = False
    """Whether doing it twice comes to the same as once."""
    answer: Mapping[str, str] = field(default_factory=dict)
    """The names in its answer and what each means, for the documentation."""
    scope: str = "integrations:use"
    lease: str = ""
    """Actions with the same word here do not run at the same time with one integration; left out, it is the name."""
    is_concurrent: bool = False
    """Whether any number may run at the same time with one integration: sending, where nothing can double."""

    def __post_init__(self) -> None:
        names = [parameter.name for parameter in self.parameters]
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"action {self.name}: its name is malformed")
        if len(set(names)) != len(names):
            raise ValueError(f"action {self.name}: a parameter is declared twice")
        if unknown := [p.name for p in self.parameters if not set(p.refers_to) <= set(names)]:
            raise ValueError(f"action {self.name}: {', '.join(unknown)} refers to an unknown parameter")
        if secret := [parameter.name for parameter in self.parameters if parameter.secret]:
            raise ValueError(f"action {self.name}: parameters are public, but {', '.join(secret)} is declared secret")

    @property
    def function(self) -> ActionFunction:
        """What does it, imported on first use."""
        return cast("ActionFunction", import_string(self.run)) if isinstance(self.run, str) else self.run

    @property
    def lease_name(self) -> str:
        """Under which name a run keeps others out; "" for none."""
        return "" if self.is_concurrent else self.lease or self.name

    def cleaned(self, given: Mapping[str, object]) -> tuple[dict[str, str], dict[str, list[str]]]:
        """Return the parameters as the function gets them, and what is wrong with them, by name; raises nothing."""
        cleaned = {declared.name: declared.default for declared in self.parameters if declared.default}
        problems: dict[str, list[str]] = {}
        present = set()
        for declared in self.parameters:
            try:
                value = declared.clean(_as_text(given.get(declared.name)))
            except InvalidValueError as error:
                problems[declared.name] = [str(error)]
                present.add(declared.name)
                continue
            if value:
                cleaned[declared.name] = value
                present.add(declared.name)
        for declared in self.parameters:
            if declared.name not in present and (reason := declared.reason_to_require(present, cleaned)):
                problems[declared.name] = [reason]
        known = [declared.name for declared in self.parameters]
        takes = f"{self.name} takes {', '.join(known)}." if known else f"{self.name} takes none."
        for name in islice((name for name in given if name not in known), _MOST_UNKNOWN_NAMED):
            problems[name[:_LONGEST_NAME_SHOWN]] = [f"Unknown parameter. {takes}"]
        return cleaned, problems


def action_of(provider: Provider, name: str) -> Action:
    """Return a provider's action; raises UnknownActionError."""
    for action in provider.declared_actions:
        if action.name == name:
            return action
    raise UnknownActionError(name)


def _as_text(value: object) -> object:
    """Write a boolean or a whole number as the text that a field checks; whatever else is left to the field."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) and abs(value) < 10**20 else value
