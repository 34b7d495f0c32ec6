"""An action that asks nobody, which the providers of these tests have: no network, no provider of a tenant's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from django.urls import get_resolver

from integrations.providers import registry
from integrations.providers.actions import Action, ActionCall
from integrations.providers.base import Field, Provider
from integrations.providers.registry import get_provider


def _note(call: ActionCall) -> dict[str, object]:
    call.remember("noted", call.parameters["text"])
    return {"noted": call.parameters["text"], "before": call.state.get("noted")}


note: Final = Action(
    name="note",
    label="Note",
    summary="Remembers a text.",
    run=_note,
    parameters=(
        Field(name="text", label="Text", help="What to remember.", example="noted", secret=False, required=True),
    ),
    answer={"noted": "The text."},
)
_N8N: Final = get_provider("n8n")
_GITHUB: Final = get_provider("github")
n8n: Final[Provider] = replace(_N8N, actions=(*_N8N.actions, note))
github: Final[Provider] = replace(_GITHUB, actions=(*_GITHUB.actions, note))


def let_providers_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give n8n and GitHub this action, and the platform credentials of its own at GitHub, for the length of a test."""
    # The API describes the providers that there are when it is imported, which must not be during this test.
    _ = get_resolver().url_patterns
    monkeypatch.setitem(registry.PROVIDERS, "n8n", f"{__name__}.n8n")
    monkeypatch.setitem(registry.PROVIDERS, "github", f"{__name__}.github")
    monkeypatch.setenv("SIGNALBOX_GITHUB_TOKEN", "ghp_ExampleTokenForDocumentationOnly0000")
