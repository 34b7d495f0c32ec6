"""The tables of this room that retention empties (`settings.RETAINED_TABLES`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from integrations.partitioning.retained import RetainedTable
from webhooks.models import Delivery, Event, Payload

# Deliveries of a disabled webhook are held for seven days, and retried for two: what lives has its history.
_LIVES_FOR: Final = timedelta(days=8)

TABLES: Final = (
    RetainedTable(Delivery, kept_at_least=_LIVES_FOR),
    RetainedTable(Payload, kept_at_least=timedelta(days=3), holds_payloads=True),
    RetainedTable(Event, kept_at_least=_LIVES_FOR),
)
