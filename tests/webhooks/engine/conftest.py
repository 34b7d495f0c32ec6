"""Fixtures of the engine's tests: webhooks that lead to the receiver, and a running engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.engine_process import RunningEngine, running_engine
from tests.receiver import Receiver
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook

MakeWebhook = Callable[..., Webhook]


@pytest.fixture
def make_webhook(transactional_db: None, tenant: Tenant, admin_actor: Actor, receiver: Receiver) -> MakeWebhook:
    """Make webhooks through the service; each leads to the receiver's path of its own name."""

    def make(name: str = "hook", *, of: Tenant | None = None, **fields: Any) -> Webhook:
        fields.setdefault("url", receiver.url(f"/{name}"))
        fields.setdefault("retry_schedule", "quick")
        return create_webhook(actor=admin_actor, tenant=of or tenant, workflow_name=name, **fields)

    return make


@pytest.fixture
def webhook(make_webhook: MakeWebhook) -> Webhook:
    return make_webhook()


@pytest.fixture
def engine(transactional_db: None) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        yield engine
