"""Alerts, channels and notices as tests of what comes after an evaluation need them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from analytics.alerts.models import Alert, AlertChannel, AlertNotice
from analytics.alerts.services.channels import create_channel
from analytics.alerts.services.notices import shown
from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import Tenant

ACTOR = Actor.system("test")


def make_alert(tenant: Tenant | None = None, **fields: Any) -> Alert:
    now = timezone.now()
    values: dict[str, Any] = {
        "rule_id": uuid7(),
        "rule_kind": "webhook_disabled",
        "rule_name": "Webhook disabled by Signalbox",
        "of_platform": True,
        "object_key": str(uuid7()),
        "object_label": "orders",
        "sentence": "The webhook was disabled: the endpoint answered 410 Gone.",
        "opened_at": now,
        "last_seen_at": now,
    }
    return Alert.objects.create(tenant=tenant, **(values | fields))


def notice(channel: AlertChannel, alert: Alert, event: str = "opened", **fields: Any) -> AlertNotice:
    """Write down that the channel has to be told."""
    tenant = alert.tenant if channel.tenant_id is None else None
    values = {"shown": shown(alert, tenant), "created_at": timezone.now(), **fields}
    return AlertNotice.objects.create(
        tenant_id=channel.tenant_id, channel=channel, alert_id=alert.id, event=event, **values
    )


def email_channel(tenant: Tenant | None = None, **fields: Any) -> AlertChannel:
    values = {"name": "Mail", "recipients": ["ops@example.com"], **fields}
    return create_channel(actor=ACTOR, tenant=tenant, kind="email", **values)


def webhook_channel(url: str, tenant: Tenant | None = None, **fields: Any) -> AlertChannel:
    return create_channel(actor=ACTOR, tenant=tenant, kind="webhook", name="Endpoint", url=url, **fields)


def slack_channel(tenant: Tenant | None = None) -> AlertChannel:
    url = "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXXXXXXXXXX"
    return create_channel(actor=ACTOR, tenant=tenant, kind="slack", name="Slack", url=url)
