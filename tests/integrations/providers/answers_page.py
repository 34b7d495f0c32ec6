"""`docs/reference/provider-answers.md`: what a connection test says to each recorded answer of each provider.

Nothing in it is written by hand: the adapters' own code reads the answers of `connection_cases`. A test compares;
`python -m tests.servers python -m tests.integrations.providers.answers_page` renews it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import django

from integrations.providers.base import Capability, Provider
from integrations.providers.registry import all_providers
from tests.integrations.providers.connection_cases.case import REQUIRED, cases_of, impossible, outcome_of

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "reference" / "provider-answers.md"
COMMAND: Final = "python -m tests.servers python -m tests.integrations.providers.answers_page"
_TICK: Final = "yes"


def page() -> str:
    providers = [provider for provider in all_providers() if provider.can(Capability.TEST)]
    head = f"| provider | {' | '.join(REQUIRED)} | others |\n|---|{'---|' * (len(REQUIRED) + 1)}"
    rows = "\n".join(_row(provider) for provider in providers)
    sections = "\n".join(_section(provider) for provider in providers)
    return f"""\
# What a test says to the answers of providers

Written by `{COMMAND}`
from the recorded answers that the adapters are tested with; do not edit it by hand.
What each result means and what to do: [test connections](../how-to/test-connections.md).

{head}
{rows}

“–” is an answer that the provider does not give; its section says why.

{sections}"""


def _row(provider: Provider) -> str:
    names, cannot = {case.name for case in cases_of(provider)}, impossible(provider)
    cells = ["–" if name in cannot else _TICK if name in names else "missing" for name in REQUIRED]
    return (
        f"| [{provider.label}](../providers/{provider.key}.md) | {' | '.join(cells)} | {len(names - set(REQUIRED))} |"
    )


def _section(provider: Provider) -> str:
    lines = [f"## {provider.label}", "", "| answer | result | what the test says |", "|---|---|---|"]
    for case in cases_of(provider):
        outcome = outcome_of(provider, case)
        cells = (case.name, f"`{outcome.result}`", outcome.message)
        lines.append(f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |")
    reasons = [f"No {name}: {reason}" for name, reason in impossible(provider).items()]
    return "\n".join([*lines, *(["", *reasons] if reasons else []), ""])


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    PAGE.write_text(page(), encoding="utf-8")
    sys.stderr.write(f"Wrote {PAGE}.\n")


if __name__ == "__main__":
    main()
