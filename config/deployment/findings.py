"""What a look at a deployment says: facts, and findings with a way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from config.logging import scrub_text


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, in one sentence, and what to do about it."""

    message: str
    hint: str


@dataclass(slots=True)
class Report:
    """What one step saw. `facts` are for reading only; a step with findings has failed."""

    facts: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def find(self, message: str, hint: str) -> None:
        """Add a finding. What looks like a secret is taken out: messages may quote an error."""
        self.findings.append(Finding(scrub_text(message), scrub_text(hint)))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to look at. `needs` names an earlier step without which it would only say the same again."""

    name: str
    look: Callable[[Report], None]
    needs: str | None = None
