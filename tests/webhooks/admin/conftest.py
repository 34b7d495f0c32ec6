"""Browsers of platform staff, without a browser."""

from __future__ import annotations

import pytest
from django.test import Client

from integrations.models import User
from integrations.platform_roles import PlatformRole


@pytest.fixture
def admin_client(platform_admin: User) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client


@pytest.fixture
def auditor_client(db: None) -> Client:
    auditor = User.objects.create_user("audrey", is_staff=True, platform_role=PlatformRole.AUDITOR)
    client = Client()
    client.force_login(auditor)
    return client
