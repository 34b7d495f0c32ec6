"""A provider with actions that exists in tests only."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import get_resolver

from integrations.providers import registry
from integrations.providers.actions import Action, ActionCall, ActionRefusedError
from integrations.providers.answers import Answer
from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.client import bearer
from integrations.providers.connection_test import text_in
from integrations.providers.outcome import ProviderError

THINGS = "https://acting.example.com/things"
KEY = "acting-key-0123456789"


def _explain(answer: Answer) -> ProviderError | None:
    if answer.status == 422:
        return ActionRefusedError(f"Acting refuses the name: {answer.words()}.", parameter="name", status=422)
    return None


def make_thing(call: ActionCall) -> dict[str, object]:
    """Make a thing unless one is remembered."""
    if kept := call.state.get("thing"):
        return {"thing_id": kept, "is_new": False}
    headers = {"Authorization": bearer(call.values["api_key"])}
    made = call.client.post(THINGS, headers=headers, json=dict(call.parameters), explain=_explain).json_object()
    call.remember("thing", text_in(made, "id"))
    return {"thing_id": text_in(made, "id"), "said": made.get("said"), "is_new": True, "shared": call.is_shared}


def say(call: ActionCall) -> dict[str, object]:
    """Say something."""
    call.client.post(f"{THINGS}/say", json=dict(call.parameters))
    return {}


NAME = Field(name="name", label="Name", help="What it is called.", example="Lamp", secret=False, required=True)
acting = Provider(
    key="acting",
    label="Acting",
    slot="acting",
    documentation=Path(__file__).with_name("tiny.md"),
    capabilities=frozenset({Capability.NOTIFY}),
    notify=object(),
    fields=(
        Field(name="api_key", label="API key", help="Choose one.", example=KEY, required=True),
        Field(name="token_of_old", label="Token", help="Optional here.", example="tiny-token"),
    ),
    actions=(
        Action(
            name="make_thing",
            label="Make a thing",
            summary="Makes a thing, once.",
            run=make_thing,
            is_repeatable=True,
            parameters=(
                NAME,
                Field(
                    name="size",
                    label="Size",
                    help="How large it is.",
                    example="3",
                    secret=False,
                    pattern="[0-9]{1,3}",
                    pattern_message="A number of at most three digits.",
                    default="1",
                ),
                Field(
                    name="is_bright",
                    label="Bright",
                    help="Whether it shines.",
                    example="true",
                    secret=False,
                    kind=FieldKind.CHOICE,
                    choices=(("true", "Yes"), ("false", "No")),
                ),
            ),
            answer={"thing_id": "Its number.", "is_new": "Whether it was made now."},
        ),
        Action(name="say", label="Say", summary="Says something.", run=say, parameters=(NAME,), is_concurrent=True),
    ),
)


def use_acting_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register it for the length of a test."""
    # The API describes the providers that there are when it is imported, which must not be during this test.
    _ = get_resolver().url_patterns
    monkeypatch.setitem(registry.PROVIDERS, "acting", "tests.integrations.providers.acting.acting")
