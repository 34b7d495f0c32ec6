"""Which of a tenant's messages somebody may see: what a member's own integration sent is theirs alone."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from integrations.messaging.models import Message
from integrations.resolution import Source


def visible_messages(messages: QuerySet[Message], *, membership_id: UUID | None) -> QuerySet[Message]:
    """Keep what a member may see, or with None an API key: the tenant's messages, and the member's own."""
    visible = ~Q(source=Source.USER.value)
    if membership_id is not None:
        visible |= Q(membership_id=membership_id)
    return messages.filter(visible)


def is_visible(message: Message, *, membership_id: UUID | None) -> bool:
    """Tell of one message what `visible_messages` tells of many."""
    return message.source != Source.USER or (membership_id is not None and message.membership_id == membership_id)
