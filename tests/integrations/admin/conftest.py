from __future__ import annotations

import pytest
from django.test import Client

from integrations.models import User


@pytest.fixture
def admin_client(platform_admin: User) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client
