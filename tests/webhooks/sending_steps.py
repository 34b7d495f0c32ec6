"""What tests of the ways in do again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations.activity.actor import Actor
from integrations.models import Tenant
from webhooks.models import Delivery, Due, Event, IdempotencyKey, Payload, Webhook
from webhooks.services.webhooks import create_webhook

# Each with what is wrong with it, as the service says it. JSON that a parser refuses altogether is not here.
BAD_PAYLOADS: list[tuple[Any, str]] = [
    (None, "Give a JSON object."),
    ([1], "Give a JSON object."),
    ("text", "Give a JSON object."),
    (7, "Give a JSON object."),
    ({"a": "x" * 262_137}, "It has 262,145 bytes as JSON; at most 262,144 are accepted."),
    ({"a": "nul \0"}, "It holds the character NUL, which cannot be stored."),
    ({"nul \0": 1}, "It holds the character NUL, which cannot be stored."),
    ({"a": "\ud800"}, "It holds a lone surrogate, which is no character."),
]


def make_webhook(tenant: Tenant, actor: Actor, name: str, event_types: Sequence[str] = (), **more: Any) -> Webhook:
    more = {"url": "https://hooks.example.com/in", **more}
    return create_webhook(actor=actor, tenant=tenant, workflow_name=name, event_types=list(event_types), **more)


def row_counts() -> dict[str, int]:
    """Count what accepting writes."""
    return {model.__name__: model.objects.count() for model in (Event, Payload, Delivery, Due, IdempotencyKey)}


NOTHING = {"Event": 0, "Payload": 0, "Delivery": 0, "Due": 0, "IdempotencyKey": 0}


def receivers(event_id: object) -> list[str]:
    """Return the names of the webhooks for which deliveries of an event wait, in the order of the deliveries."""
    names = dict(Webhook.objects.values_list("id", "workflow_name"))
    return [names[due.target_id] for due in Due.objects.filter(event_id=event_id).order_by("delivery_id")]
