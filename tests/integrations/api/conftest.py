from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Tenant
from integrations.services.api_keys import create_api_key


@pytest.fixture
def tenant_api(tenant: Tenant, admin_actor: Actor) -> Callable[..., APIClient]:
    """Give a client that carries a new API key of the tenant, one that may do everything unless said otherwise."""

    def make(*scopes: str, of: Tenant = tenant, **given: Any) -> APIClient:
        key = create_api_key(
            actor=admin_actor, tenant=of, access=None, name="Shop backend", scopes=list(scopes) or ["*"], **given
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.text}")
        return client

    return make
