"""Rows with secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations.activity.actor import Actor
from integrations.encryption.data_keys import forget_data_keys
from integrations.encryption.secret import Secret
from integrations.models import Integration, Tenant
from tests.integrations.encryption.stored_values import (
    ACCESS_TOKEN,
    APP_SECRET,
    AUTH_TOKEN,
    HEADER,
    SIGNING_SECRET,
)
from webhooks.models import Webhook


@pytest.fixture(autouse=True)
def _no_unwrapped_keys() -> Iterator[None]:
    """Each test starts and ends like a fresh process."""
    forget_data_keys()
    yield
    forget_data_keys()


@pytest.fixture
def admin_actor(db: None) -> Actor:
    """Who makes the tenants here: nobody has to log in, so no password is hashed."""
    return Actor.system("tests")


@pytest.fixture
def make_webhook() -> Callable[..., Webhook]:
    def make(tenant: Tenant, workflow_name: str = "order-created", **values: Any) -> Webhook:
        given = {"signing_secret": SIGNING_SECRET, "auth_token": AUTH_TOKEN, "headers": {"X-Key": Secret(HEADER)}}
        return Webhook.objects.create(tenant=tenant, workflow_name=workflow_name, **{**given, **values})

    return make


@pytest.fixture
def webhook(tenant: Tenant, make_webhook: Callable[..., Webhook]) -> Webhook:
    """A stored webhook, loaded again: nothing of how it was made is left in memory."""
    return Webhook.objects.get(pk=make_webhook(tenant).pk)


@pytest.fixture
def integration(tenant: Tenant) -> Integration:
    made = Integration.objects.create(
        tenant=tenant,
        provider="whatsapp",
        slot="whatsapp",
        name="WhatsApp",
        config={
            "phone_number_id": "106540352242922",
            "access_token": Secret(ACCESS_TOKEN),
            "app_secret": Secret(APP_SECRET),
        },
    )
    return Integration.objects.get(pk=made.pk)
