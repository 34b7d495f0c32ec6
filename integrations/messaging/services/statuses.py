"""What providers tell of messages afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from integrations.isolation.scope import tenant_scope
from integrations.messaging.life import apply_update
from integrations.messaging.models import Message
from integrations.messaging.rows import locked, store
from integrations.messaging.services.announcing import announce_locked
from integrations.providers.messaging import StatusUpdate


def apply_statuses(tenant_id: UUID, provider: str, updates: Sequence[StatusUpdate]) -> list[Message]:
    """Apply what a provider said of this tenant's messages, and return those that changed, in the order of their ids.

    Monotonic: callbacks come late, twice, and in any order. Runs in the caller's transaction and the tenant's scope;
    rows are locked in the order of their ids. The tenant's events are published with it; unknown ids are ignored.
    """
    if not updates:
        return []
    now = timezone.now()
    with tenant_scope(tenant_id):
        ours = {update.message_id for update in updates if update.message_id is not None}
        theirs = {update.provider_message_id for update in updates if update.provider_message_id}
        rows = Message.objects.filter(tenant_id=tenant_id, provider=provider)
        found = locked(rows.filter(Q(id__in=ours) | Q(provider_message_id__in=theirs)))
        by_id = {message.id: message for message in found}
        by_their_id = {message.provider_message_id: message for message in found if message.provider_message_id}
        moved: dict[UUID, Message] = {}
        changed: dict[UUID, Message] = {}
        for update in updates:
            message = by_id.get(update.message_id) if update.message_id else None
            message = message or by_their_id.get(update.provider_message_id)
            if message is None:
                continue
            has_moved, has_changed = apply_update(message, update, now=now)
            if has_moved:
                moved[message.id] = message
            if has_changed:
                changed[message.id] = message
        store([changed[message_id] for message_id in sorted(changed)])
        result = [moved[message_id] for message_id in sorted(moved)]
        announce_locked(tenant_id, result)
    return result
