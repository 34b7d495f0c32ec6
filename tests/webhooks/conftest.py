from __future__ import annotations

import pytest

from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.webhooks.webhook_steps import HEADERS, TOKEN, URL
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook


@pytest.fixture
def webhook(tenant: Tenant, admin_actor: Actor) -> Webhook:
    """A webhook with an address, a token and two headers of its own."""
    return create_webhook(
        actor=admin_actor, tenant=tenant, workflow_name="contact_form", url=URL, auth_token=TOKEN, headers=HEADERS
    )
