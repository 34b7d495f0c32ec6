"""Any API that a person agrees to: `custom` at a real OAuth server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.admin.connecting import connect_label
from integrations.errors import ConflictError
from integrations.models import Integration, OAuthGrant, Tenant
from integrations.providers.outcome import ProviderError
from integrations.services.integrations import change_integration, create_integration
from integrations.services.oauth_connecting import start_connection
from integrations.services.oauth_tokens import access_token
from tests.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = Actor.system("ada")


@pytest.fixture
def custom(tenant: Tenant, server: OAuthServer) -> Integration:
    return create_integration(
        actor=ACTOR,
        tenant=tenant,
        provider="custom",
        values={
            "base_url": server.url,
            "auth_type": "oauth2_code",
            "authorize_url": f"{server.url}/authorize?access_type=offline",
            "token_url": f"{server.url}/token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "client_authentication": "body",
            "scope": "read",
        },
    )


def connect(integration: Integration, server: OAuthServer) -> Any:
    url = start_connection(actor=ACTOR, tenant=integration.tenant, provider="custom", integration=integration)
    assert "access_type=offline" in url
    return Client().get(f"/oauth/custom/callback?{urlencode(server.consent(url))}")


def test_person_agrees_and_the_token_is_renewed(custom: Integration, server: OAuthServer) -> None:
    assert connect_label(custom) == "Connect"
    assert connect(custom, server).status_code == 200
    stored = Integration.objects.get()
    first = stored.config["access_token"].reveal()
    assert access_token(custom) == first
    form = server.token_requests[0]
    assert (form["grant_type"], form["client_secret"]) == ("authorization_code", CLIENT_SECRET)
    assert form["code_verifier"]

    OAuthGrant.objects.update(usable_until=timezone.now() - timedelta(seconds=1))
    assert access_token(custom) != first
    assert [form["grant_type"] for form in server.token_requests] == ["authorization_code", "refresh_token"]


def test_without_a_connection_a_person_has_to_agree(custom: Integration, server: OAuthServer) -> None:
    with pytest.raises(ProviderError, match="has to be connected"):
        access_token(custom)
    assert server.token_requests == []


def test_client_credentials_spend_no_refresh_token_of_another_kind(custom: Integration, server: OAuthServer) -> None:
    connect(custom, server)
    changed = change_integration(actor=ACTOR, integration=custom, values={"auth_type": "oauth2"})
    assert connect_label(changed) == ""
    before = Integration.objects.get().config["access_token"].reveal()
    assert access_token(changed) != before
    assert server.token_requests[-1]["grant_type"] == "client_credentials"
    with pytest.raises(ConflictError, match="is not connected by a person"):
        start_connection(actor=ACTOR, tenant=custom.tenant, provider="custom", integration=changed)


def test_settings_that_change_while_a_person_agrees(custom: Integration, server: OAuthServer) -> None:
    url = start_connection(actor=ACTOR, tenant=custom.tenant, provider="custom", integration=custom)
    change_integration(actor=ACTOR, integration=custom, values={"auth_type": "oauth2"})
    answer = Client().get(f"/oauth/custom/callback?{urlencode(server.consent(url))}")
    assert answer.status_code == 409
    assert server.token_requests == []
