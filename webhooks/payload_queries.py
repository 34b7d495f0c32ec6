"""Reads of payloads, as they may be shown: with what the tenant's redaction rules hide replaced. Inside its scope."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from webhooks.models import Event, Payload, RedactionRule
from webhooks.redaction import Redaction


def shown_payloads(tenant_id: UUID, event_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the payloads of those events that still have theirs, by the event's id; three queries for any number.

    Without rules that is the text as it was sent.
    """
    bodies = dict(Payload.objects.filter(tenant_id=tenant_id, id__in=event_ids).values_list("id", "body"))
    rules = list(RedactionRule.objects.filter(tenant_id=tenant_id)) if bodies else []
    if not rules:
        return bodies
    redaction = Redaction(rules)
    types = dict(Event.objects.filter(tenant_id=tenant_id, id__in=bodies).values_list("id", "event_type"))
    return {event_id: redaction.masked(types.get(event_id, ""), body) for event_id, body in bodies.items()}
