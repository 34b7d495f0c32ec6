"""A platform with one object of everything that staff can open, secrets in them, and what must not be seen of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.test import Client

from analytics.alerts.models import AlertChannel
from analytics.alerts.services.channels import create_channel
from integrations.activity.actor import Actor
from integrations.encryption.masking import mask
from integrations.models import Integration, Tenant, User
from integrations.services.integrations import create_integration
from integrations.services.tenants import create_tenant
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook

ACTOR = Actor.system("test")
ACCESS_TOKEN = "EAATestAccessTokenThatIsLongEnoughToMask123456789"
APP_SECRET = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"  # not the example of a provider's field, which is no secret
BEARER = "bearer-that-only-the-receiver-may-know-0123456789"
HEADER_VALUE = "header-value-that-is-a-secret-too"
CHANNEL_URL = "https://alerts.example.com/in/another-path-that-is-a-token"
URL = "https://hooks.example.com/in/path-that-is-a-token"
# Written by nobody on purpose, unchanged by nothing that matters: what the browser's session is about.
_NOT_COMPARED = {"django_session", "django_migrations"}


@dataclass(frozen=True)
class Scene:
    tenant: Tenant
    integration: Integration
    webhook: Webhook
    channel: AlertChannel

    def traces_of_secrets(self) -> list[str]:
        """Return texts, of the secrets and of their masked forms, that no page for auditors may hold."""
        stored = [ACCESS_TOKEN, APP_SECRET, BEARER, HEADER_VALUE, self.webhook.signing_secret.reveal()]
        stored += [self.channel.secret.reveal(), CHANNEL_URL]
        masked = [mask(value) for value in stored]
        ends = [value[-4:] for value in (ACCESS_TOKEN, BEARER)]
        return [*stored, *masked, *(f"***{end}" for end in ends), "path-that-is-a-token"]


def make_scene() -> Scene:
    tenant = create_tenant(actor=ACTOR, name="Northwind", slug="northwind")
    values = {
        "phone_number_id": "109876543210987",
        "business_account_id": "123456789012345",
        "access_token": ACCESS_TOKEN,
        "app_secret": APP_SECRET,
    }
    integration = create_integration(actor=ACTOR, tenant=tenant, provider="whatsapp", values=values)
    webhook = create_webhook(
        actor=ACTOR,
        tenant=tenant,
        workflow_name="orders",
        url=URL,
        auth_token=BEARER,
        headers={"X-Key": HEADER_VALUE},
    )
    channel = create_channel(actor=ACTOR, tenant=tenant, kind="webhook", name="Pager", url=CHANNEL_URL)
    return Scene(tenant, integration, webhook, channel)


def staff(role: str, name: str = "sam") -> User:
    return User.objects.create_user(name, f"{name}@example.com", "correct horse battery", platform_role=role)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def everything_stored() -> dict[str, Any]:
    """Return every row of every table, as text."""
    with connection.cursor() as cursor:
        dump: dict[str, Any] = {}
        for table in sorted(set(connection.introspection.table_names(cursor)) - _NOT_COMPARED):
            cursor.execute(
                f"SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM {connection.ops.quote_name(table)} t"
            )
            dump[table] = cursor.fetchone()[0]
    return dump


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [table for table in before if before[table] != after[table]]
