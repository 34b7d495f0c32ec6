from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from integrations.activity.actor import Actor
from integrations.models import Integration, Tenant
from integrations.services.integration_items import add_integration
from integrations.services.provider_actions import run_integration_action
from tests.chatwoot_server import ChatwootServer

Run = Callable[..., dict[str, object]]


@pytest.fixture
def chatwoot() -> Iterator[ChatwootServer]:
    with ChatwootServer() as running:
        yield running


@pytest.fixture
def stored(tenant: Tenant, chatwoot: ChatwootServer) -> Integration:
    return add_integration(actor=Actor.system("test"), tenant=tenant, provider="chatwoot", values=chatwoot.values)


@pytest.fixture
def run(stored: Integration) -> Run:
    """Run an action with the stored integration, and return its answer."""

    def run(action: str, **parameters: object) -> dict[str, object]:
        return run_integration_action(
            actor=Actor.system("test"),
            tenant=stored.tenant,
            integration=stored,
            action=action,
            parameters=parameters,
        ).answer

    return run
