"""What a kind of rule is: its parameters, whom it can apply to, and how it looks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Parameter:
    """A whole number that a rule may set."""

    name: str
    label: str
    default: int
    minimum: int
    maximum: int
    unit: str = ""

    def problem_of(self, value: Any) -> str | None:
        """Return what is wrong with a value, and the way out; None if nothing is."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.minimum <= value <= self.maximum:
            unit = f" ({self.unit})" if self.unit else ""
            return f"Give a whole number from {self.minimum:,} to {self.maximum:,}{unit}."
        return None


@dataclass(frozen=True, slots=True)
class Finding:
    """Trouble of one object, found by one evaluation. `key` names the object among those of its rule."""

    key: str
    label: str
    sentence: str
    value: float | None = None
    tenant_id: UUID | None = None


PLATFORM: Final = "platform"
WINDOW: Final = Parameter("window_minutes", "Window", 15, 1, 1_440, "minutes")
MIN_CALLS: Final = Parameter("min_calls", "At least", 20, 1, 1_000_000, "calls")


class RuleKind(ABC):
    """One kind. An instance holds no state: evaluations run beside each other."""

    key: ClassVar[str]
    label: ClassVar[str]
    description: ClassVar[str]
    """One sentence: what opens an alert."""
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    for_tenants: ClassVar[bool] = True
    """Whether a tenant can have rules of this kind; the platform always can."""
    objects: ClassVar[str]
    """What an alert is about, as one word or two."""

    @abstractmethod
    def evaluate(
        self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime
    ) -> Sequence[Finding] | None:
        """Return what is wrong now; None when that is unknown, so that nothing opens and nothing recovers.

        With a tenant's id it looks at this tenant and runs inside its scope; without one it looks at all of them, as
        the owner, with a number of queries that does not grow with theirs. Reads the database and nothing else.
        """

    def defaults(self) -> dict[str, int]:
        """Return the parameters of a rule that sets none."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def problems_of(self, given: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return what is wrong with given parameters, by name."""
        known = {parameter.name: parameter for parameter in self.parameters}
        problems: dict[str, list[str]] = {}
        for name, value in list(given.items())[:20]:
            if name not in known:
                allowed = ", ".join(known) or "none"
                problems[name] = [f"This kind of rule has no such parameter. Allowed: {allowed}."]
            elif (problem := known[name].problem_of(value)) is not None:
                problems[name] = [problem]
        return problems
