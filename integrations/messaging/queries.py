"""Reads of messages."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.messaging.models import Message
from integrations.models import Tenant
from integrations.providers.messaging import MessageState


def count_unknown(*, at_most: int) -> int:
    """Count the messages of all tenants of which nobody can say whether they were sent, as the owner; at most so many."""
    return Message.objects.filter(state=MessageState.UNKNOWN).order_by()[:at_most].count()


def messages_of(
    tenant_id: UUID,
    *,
    channel: str | None = None,
    state: str | None = None,
    provider: str | None = None,
    integration_id: UUID | None = None,
    to: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Message]:
    """Return a tenant's messages, newest first, without their content (`defer`); to be read in the tenant's scope.

    `since` is included, `until` is not; both are moments of acceptance.
    """
    given = {
        "channel": channel,
        "state": state,
        "provider": provider,
        "integration_id": integration_id,
        "to": to,
        "accepted_at__gte": since,
        "accepted_at__lt": until,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    return Message.objects.filter(tenant_id=tenant_id, **wanted).defer("content").order_by("-id")


def get_message(tenant: Tenant, message_id: UUID) -> Message:
    """Return one message, content and all; NotFoundError. In the tenant's scope, which is opened here if need be."""
    with tenant_scope(tenant):
        message = Message.objects.filter(tenant_id=tenant.id, id=message_id).select_related("integration").first()
    if message is None:
        raise NotFoundError("There is no such message.")
    return message
