"""Replacing credentials and putting earlier ones back, in the admin."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from integrations.activity.actor import Actor
from integrations.models import CredentialVersion, Integration, Tenant, User
from integrations.services.integrations import change_integration, create_integration

pytestmark = pytest.mark.django_db
FIRST, SECOND = "n8n_api_key_number_one_0123456789", "n8n_api_key_number_two_0123456789"


@pytest.fixture
def client(platform_admin: User) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client


@pytest.fixture
def n8n(tenant: Tenant) -> Integration:
    values = {"base_url": "https://n8n.example.com/webhook", "api_key": FIRST}
    return create_integration(actor=Actor.system("ada"), tenant=tenant, provider="n8n", values=values)


def address(name: str, *arguments: object) -> str:
    return reverse(f"admin:integrations_integration_{name}", args=arguments)


def key() -> str:
    return str(Integration.objects.get().config["api_key"].reveal())


def test_replaces_the_secrets_alone(client: Client, n8n: Integration) -> None:
    page = client.get(address("rotate", n8n.pk)).content.decode()
    assert "API key" in page
    assert "Webhook base address" not in page
    assert FIRST not in page
    answer = client.post(address("rotate", n8n.pk), {"config_api_key": SECOND, "untested": "on"})
    assert answer.status_code == 302
    assert key() == SECOND
    assert Integration.objects.get().config["base_url"] == "https://n8n.example.com/webhook"


def test_says_why_new_ones_were_not_stored(client: Client, n8n: Integration) -> None:
    # Nothing listens there: the test cannot be made.
    change_integration(actor=Actor.system("ada"), integration=n8n, values={"api_url": "http://127.0.0.1:9"})
    page = client.post(address("rotate", n8n.pk), {"config_api_key": SECOND}).content.decode()
    assert "The credentials in use were kept." in page
    assert SECOND not in page
    assert key() == FIRST


def test_shows_earlier_ones_masked_and_puts_one_back(client: Client, n8n: Integration) -> None:
    assert "never replaced" in client.get(address("credentials", n8n.pk)).content.decode()
    change_integration(actor=Actor.system("ada"), integration=n8n, values={"api_key": SECOND})
    page = client.get(address("credentials", n8n.pk)).content.decode()
    assert "***6789" in page
    assert FIRST not in page
    version = CredentialVersion.objects.get()
    restore = address("restore", n8n.pk, version.pk)
    assert client.get(restore).status_code == 405
    assert client.post(restore).status_code == 302
    assert key() == FIRST
