"""The sweep renews at half of the life; and client credentials, which nobody has to renew ahead."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.models import Integration, OAuthGrant, Tenant
from integrations.providers.outcome import ProviderError
from integrations.services.connection_tests import check_connection
from integrations.services.integrations import change_integration, create_integration
from integrations.services.oauth_sweep import sweep_tokens
from integrations.services.oauth_tokens import access_token
from tests.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer

pytestmark = pytest.mark.django_db(transaction=True)
Connected = Callable[..., Integration]
PAST, FUTURE = timedelta(seconds=-1), timedelta(minutes=5)


def test_renews_what_is_due_and_nothing_else(connected: Connected, server: OAuthServer, tenant: Tenant) -> None:
    now = timezone.now()
    due = connected(ended=False, refresh_due_at=now + PAST)
    connected(ended=False, refresh_due_at=now + FUTURE)
    connected(ended=False, refresh_due_at=now + PAST, retry_at=now + FUTURE)
    connected(ended=False, refresh_due_at=now + PAST, lease_until=now + FUTURE)
    off = connected(ended=False, refresh_due_at=now + PAST)
    change_integration(actor=Actor.system("test"), integration=off, values={}, enabled=False)

    assert sweep_tokens() == 1

    assert len(server.refreshes()) == 1
    assert Integration.objects.get(id=due.id).credential_version == 2
    assert sweep_tokens() == 0


def test_two_sweeps_at_once_renew_each_once(connected: Connected, server: OAuthServer) -> None:
    server.delay = 0.1
    for _ in range(4):
        connected(ended=False, refresh_due_at=timezone.now() + PAST)

    def sweep(_: int) -> int:
        try:
            return sweep_tokens(at_once=2)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(sweep, range(2))) == 4
    assert len(server.refreshes()) == 4


def test_one_that_fails_holds_up_no_other_and_its_token_is_still_used(
    connected: Connected, server: OAuthServer
) -> None:
    failing = connected(ended=False, refresh_due_at=timezone.now() + timedelta(minutes=-2))
    connected(ended=False, refresh_due_at=timezone.now() + PAST)
    server.answers.append((500, "text/plain", "down"))

    assert sweep_tokens(at_once=1) == 1

    assert OAuthGrant.objects.get(integration=failing).failures == 1
    assert access_token(failing) == failing.config["access_token"].reveal()
    assert len(server.refreshes()) == 2


def test_client_credentials_are_asked_for_once_and_anew_after_an_edit(tenant: Tenant, server: OAuthServer) -> None:
    custom = create_integration(
        actor=Actor.system("test"),
        tenant=tenant,
        provider="custom",
        values={
            "base_url": server.url,
            "auth_type": "oauth2",
            "token_url": f"{server.url}/token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": "read",
        },
    )
    first = access_token(custom)
    assert access_token(custom) == first
    assert [form["grant_type"] for form in server.token_requests] == ["client_credentials"]
    assert OAuthGrant.objects.get().refresh_due_at is None

    change_integration(actor=Actor.system("test"), integration=custom, values={"scope": "read write"})
    assert access_token(custom) != first
    assert [form["scope"] for form in server.token_requests] == ["read", "read write"]

    change_integration(actor=Actor.system("test"), integration=custom, values={"auth_type": "none"})
    with pytest.raises(ProviderError, match="gets no tokens by OAuth2"):
        access_token(custom)


def test_connection_test_of_what_is_not_connected_says_so(tenant: Tenant) -> None:
    app = {"client_id": "1234567890.1234567890123", "client_secret": CLIENT_SECRET}
    for provider in ("slack", "github"):
        made = create_integration(actor=Actor.system("test"), tenant=tenant, provider=provider, values=app)
        report = check_connection(actor=Actor.system("test"), integration=made)
        assert (report.result, "is not connected yet" in report.message) == ("bad_credentials", True)
