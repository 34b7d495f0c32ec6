"""Settling what nobody could say: a person looks it up at the provider."""

from __future__ import annotations

from uuid import UUID

from integrations.messaging.models import Message
from integrations.models import Tenant


def settle_message(tenant: Tenant, message_id: UUID, *, state: str, by: str, note: str = "") -> Message:
    """Say what became of an `unknown` message: `sent`, `delivered` or `failed`.

    `by` is the name of who says so. Publishes the tenant's event. Raises InvalidInputError, NotFoundError, and
    ConflictError for a message that is not (any more) `unknown`: a callback may have settled it meanwhile.
    """
    raise NotImplementedError
