"""Test messages: real ones, sent by hand to see that an integration sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.isolation.scope import tenant_scope
from integrations.messaging.models import Message
from integrations.messaging.services.sending import send_message
from integrations.models import Integration
from integrations.providers.base import Capability
from integrations.providers.registry import get_provider

TRIGGERED_BY: Final = "test"


def can_send(integration: Integration) -> bool:
    """Tell whether messages can be sent through it at all."""
    return get_provider(integration.provider).can(Capability.SEND_MESSAGE)


def takes_templates(integration: Integration) -> bool:
    """Tell whether its provider sends texts that were approved before."""
    messaging = get_provider(integration.provider).declaration("messaging")
    return messaging is not None and bool(messaging.takes_templates)


def send_test_message(
    *, actor: Actor, integration: Integration, to: str, text: str = "", template: Mapping[str, Any] | None = None
) -> Message:
    """Send a message through this very integration, and record who did. One transaction; not idempotent.

    Raises what `send_message` raises.
    """
    tenant = integration.tenant
    with tenant_scope(tenant):
        message = send_message(
            tenant,
            channel=integration.slot,
            to=to,
            text=text,
            template=template,
            integration_id=integration.pk,
            membership_id=integration.owner_id,
            triggered_by=TRIGGERED_BY,
        )
        record_activity(actor=actor, verb="integration.test_message_sent", target=integration, tenant_id=tenant.pk)
    return message
