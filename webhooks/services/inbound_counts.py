"""Counting received requests by hour and outcome."""

from __future__ import annotations

from contextlib import suppress
from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection

from webhooks.models import InboundOutcome

_COUNT: Final = """
    INSERT INTO webhooks_receivercount AS stored (tenant_id, receiver_id, hour, outcome, requests)
    SELECT tenant_id, id, date_trunc('hour', now()), %s, 1 FROM webhooks_receiver WHERE id = %s
    ON CONFLICT (tenant_id, receiver_id, hour, outcome) DO UPDATE SET requests = stored.requests + 1
"""


def count(receiver_id: UUID, outcome: InboundOutcome) -> None:
    """Count one request; nothing for a receiver that was deleted meanwhile."""
    with suppress(IntegrityError), connection.cursor() as cursor:  # deleted at this very moment
        cursor.execute(_COUNT, [outcome.value, receiver_id])
