"""Accepting messages: the one transaction after which a message is Signalbox's responsibility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from integrations.messaging.models import Message
from integrations.models import Tenant


def send_message(
    tenant: Tenant,
    *,
    channel: str,
    to: str,
    text: str = "",
    template: Mapping[str, Any] | None = None,
    integration_id: UUID | None = None,
    membership_id: UUID | None = None,
    triggered_by: str = "",
    metadata: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Message:
    """Store a message to one person and return it, `accepted`; an engine sends it when the transaction has committed.

    Composes with the caller's own transaction: rolled back with it, sent after its commit. What sends it is
    `integration_id`, or else what `resolve_slot` says of the channel: the member's own integration, the tenant's, the
    platform's. `template` is `{name, language, components}`. With an `idempotency_key` that was given within 24 hours,
    the message is the earlier one (`is_replay`).

    Raises, and stores nothing then: InvalidInputError, which names each wrong field, the reason and the way out;
    NotFoundError when nothing is connected or the integration does not exist; NotAllowedError for an inactive tenant;
    ConflictError for a key that was given with something else.
    """
    raise NotImplementedError
