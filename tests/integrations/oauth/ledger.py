"""A provider that exists in tests only, at a real OAuth server."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import get_resolver

from integrations.providers import registry
from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.oauth2 import OAuth2

oauth2 = OAuth2(
    authorize_url=lambda values: f"{values['base_url']}/authorize",
    token_url=lambda values: f"{values['base_url']}/token",
    scopes=("read",),
    client_credentials=False,
    rotates=True,
    lifetime=timedelta(hours=1),
)


def _secret(name: str, **how: object) -> Field:
    return Field(name=name, label=name, help="Test.", example="example-value", max_length=4000, **how)  # type: ignore[arg-type]


ledger = Provider(
    key="ledger",
    label="Ledger",
    slot="ledger",
    documentation=Path(__file__).with_name("ledger.py"),
    capabilities=frozenset({Capability.OAUTH2}),
    oauth2=oauth2,
    fields=(
        Field(
            name="base_url",
            label="Address",
            help="Test.",
            example="https://ledger.example.com",
            secret=False,
            required=True,
            kind=FieldKind.URL,
        ),
        Field(name="client_id", label="Client ID", help="Test.", example="client", secret=False),
        _secret("client_secret"),
        _secret("client_secret_previous"),
        _secret("access_token"),
        _secret("refresh_token"),
    ),
)


def use_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register it for the length of a test."""
    # The API describes the providers that there are when it is imported, which must not be during this test.
    _ = get_resolver().url_patterns
    monkeypatch.setitem(registry.PROVIDERS, "ledger", "tests.integrations.oauth.ledger.ledger")
