"""Settling what nobody could say: a person looks it up at the provider."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.utils import timezone

from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.messaging.life import MAX_ERROR, advance, storable
from integrations.messaging.models import Message
from integrations.messaging.rows import locked, store
from integrations.messaging.services.announcing import announce
from integrations.models import Tenant
from integrations.providers.messaging import MessageState

SETTLED: Final = (MessageState.SENT, MessageState.DELIVERED, MessageState.FAILED)
MAX_NOTE: Final = 500
_MAX_BY: Final = 254


def settle_message(tenant: Tenant, message_id: UUID, *, state: str, by: str, note: str = "") -> Message:
    """Say what became of an `unknown` message: `sent`, `delivered` or `failed`.

    `by` is the name of who says so. Publishes the tenant's event. Raises InvalidInputError, NotFoundError, and
    ConflictError for a message that is not (any more) `unknown`: a callback may have settled it meanwhile.
    """
    if state not in SETTLED:
        raise InvalidInputError({"state": [f"Say what became of it: {', '.join(SETTLED)}."]})
    if len(note) > MAX_NOTE or storable(note, MAX_NOTE) != note:
        raise InvalidInputError({"note": [f"Use at most {MAX_NOTE} characters, without NUL and lone surrogates."]})
    with tenant_scope(tenant):
        found = locked(Message.objects.filter(tenant_id=tenant.id, id=message_id))
        if not found:
            raise NotFoundError("There is no such message.")
        (message,) = found
        if message.state != MessageState.UNKNOWN:
            raise ConflictError(f"This message is {message.state}: only what is unknown is settled by a person.")
        words = note or "Settled by a person: it was not sent."
        advance(message, MessageState(state), at=timezone.now(), words=words[:MAX_ERROR])
        message.settled_by, message.settled_note = storable(by, _MAX_BY), note
        store([message])
        announce(tenant.id, [message.id])
        message.unannounced = []
    return message
