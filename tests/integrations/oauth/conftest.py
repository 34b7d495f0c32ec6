from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.models import Integration, OAuthGrant, Tenant
from integrations.services.integrations import create_integration
from tests.integrations.oauth.ledger import use_ledger
from tests.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer


@pytest.fixture(autouse=True)
def _ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    use_ledger(monkeypatch)


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with OAuthServer() as running:
        yield running


@pytest.fixture
def connected(tenant: Tenant, server: OAuthServer) -> Callable[..., Integration]:
    """Make an integration that was connected once; its access token has ended unless `ended=False`."""

    def make(*, ended: bool = True, refresh_token: str = "", **grant: Any) -> Integration:
        access, refresh = server.new_grant()
        made = create_integration(
            actor=Actor.system("test"),
            tenant=tenant,
            provider="ledger",
            is_default=False,
            values={
                "base_url": server.url,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "access_token": access,
                "refresh_token": refresh_token or refresh,
            },
        )
        until = timezone.now() + (timedelta(seconds=-1) if ended else timedelta(minutes=30))
        given = {"usable_until": until, "credential_version": made.credential_version, **grant}
        OAuthGrant.objects.create(tenant=tenant, integration=made, **given)
        return made

    return make
