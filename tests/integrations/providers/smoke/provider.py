"""A provider that exists in tests only, and is all that there is to one: this folder and a line in the registry."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, Provider
from integrations.providers.client import ProviderClient, bearer
from integrations.providers.connection_test import ConnectionReport, text_in
from integrations.providers.values import Values


def look_at_the_hill(client: ProviderClient, values: Values) -> ConnectionReport:
    answer = client.get("https://api.smoke.example.com/me", headers={"Authorization": bearer(values["signal"])})
    return ConnectionReport(identity=text_in(answer.json_object(), "name"))


smoke = Provider(
    key="smoke",
    label="Smoke",
    slot="smoke",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST}),
    test=look_at_the_hill,
    fields=(Field(name="signal", label="Signal", help="What is seen.", example="three puffs", required=True),),
)
