"""The tables of this room that retention empties (`settings.RETAINED_TABLES`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from analytics.models import WebhookCall
from integrations.partitioning.retained import RetainedTable

TABLES: Final = (RetainedTable(WebhookCall, kept_at_least=timedelta(hours=1), is_archived=True),)
