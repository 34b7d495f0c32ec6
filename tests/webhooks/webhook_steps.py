"""What tests of webhooks do and look at again and again."""

from __future__ import annotations

from typing import Any

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Integration, Tenant
from integrations.services.integrations import create_integration
from webhooks.models import Webhook
from webhooks.services.webhooks import update_webhook

URL = "https://hooks.example.com/in"
TOKEN = "token-of-the-receiver-0123456789"
HEADERS = {"X-Key": "key-of-the-receiver", "X-Env": "staging"}
TWILIO = {"account_sid": "AC" + "0a1b2c3d" * 4, "auth_token": "f0" * 16, "phone_number": "+15550100300"}


def make_n8n(tenant: Tenant, actor: Actor, base_url: str = "https://n8n.example.com/webhook") -> Integration:
    return create_integration(actor=actor, tenant=tenant, provider="n8n", values={"base_url": base_url})


def activity(tenant: Tenant) -> list[tuple[str, str, list[str]]]:
    """Return verb, object name and changed fields of what happened to webhooks, oldest first."""
    entries = ActivityLog.objects.filter(tenant_id=tenant.id, object_kind="webhook").order_by("id")
    return [(entry.verb, entry.object_name, entry.changed_fields) for entry in entries]


def headers_of(webhook: Webhook) -> dict[str, str]:
    return {name: value.reveal() for name, value in Webhook.objects.get(id=webhook.id).headers.items()}


def update(webhook: Webhook, actor: Actor, **changes: Any) -> Webhook:
    return update_webhook(actor=actor, tenant=webhook.tenant, webhook_id=webhook.id, changes=changes)  # type: ignore[arg-type]
