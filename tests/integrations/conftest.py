from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Tenant
from integrations.services.api_keys import IssuedKey, create_api_key


@pytest.fixture
def make_key(tenant: Tenant, admin_actor: Actor) -> Callable[..., IssuedKey]:
    """Make keys as a platform admin does."""

    def make(*scopes: str, of: Tenant | None = None, name: str = "Shop backend", **given: Any) -> IssuedKey:
        wanted = list(scopes) or ["*"]
        return create_api_key(actor=admin_actor, tenant=of or tenant, access=None, name=name, scopes=wanted, **given)

    return make


@pytest.fixture
def api_with() -> Callable[..., APIClient]:
    """Give a client that carries a key, from an address."""

    def client(key: IssuedKey | str, address: str = "127.0.0.1") -> APIClient:
        made = APIClient(REMOTE_ADDR=address)
        text = key if isinstance(key, str) else key.text
        made.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        return made

    return client
