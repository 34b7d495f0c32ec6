"""A provider that exists in tests only: a second one for SMS."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.providers import registry
from integrations.providers.base import Field, Provider

tiny = Provider(
    key="tiny",
    label="Tiny",
    slot="sms",
    documentation=Path(__file__).with_name("tiny.md"),
    fields=(
        Field(
            name="pass_phrase",
            label="Pass phrase",
            help="Choose one.",
            example="open sesame",
            required=True,
            pattern="[a-z ]+",
            pattern_message="Small letters and spaces.",
        ),
        # Called like a field of its rival: what was given to one must never reach the other.
        Field(name="auth_token", label="Auth token", help="Optional here.", example="tiny-token"),
        Field(name="region", label="Region", help="Where it runs.", example="eu", secret=False),
    ),
)


def use_tiny_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register it for the length of a test: one line, as for any other provider."""
    monkeypatch.setitem(registry.PROVIDERS, "tiny", "tests.integrations.providers.tiny.tiny")
