"""From a stored request to events of the tenant, once, whoever gets to it first: its own thread, or the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, DataError, InterfaceError, connection, transaction
from django.utils import timezone

from integrations.errors import InvalidInputError
from integrations.isolation.scope import tenant_scope
from integrations.messaging.services.statuses import apply_statuses
from integrations.models import Tenant
from integrations.providers.messaging import messaging_of
from integrations.providers.receiving import Incoming, Reason, Received, RefusedError, Settings
from integrations.providers.registry import UnknownProviderError, get_provider, get_receiving
from webhooks.errors import TenantInactive
from webhooks.models import InboundOutcome, InboundRequest, InboundState, Receiver
from webhooks.routing import Router
from webhooks.services.accept import Accepted, accept_events
from webhooks.services.audience import subscribers
from webhooks.services.inbound_counts import count
from webhooks.services.payloads import NewEvent, new_event

logger = structlog.get_logger(__name__)

# Meta repeats for seven days.
KEPT_KEYS_FOR: Final = timedelta(days=7)
SWEPT_AFTER: Final = timedelta(seconds=20)
GIVEN_UP_AFTER: Final = timedelta(days=1)
# One request of 256 KiB can hold thousands of tiny events, each with what they have in common.
MAX_EVENTS: Final = 1_000
MAX_EVENT_BYTES: Final = 2 * 1024 * 1024
_SWEPT_AT_ONCE: Final = 200
# What Python raises where code took a shape for granted that a sender did not keep to.
_MISREAD: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

# Before the request, as whoever deletes the receiver locks the two; keys of events are checked against it at the end.
_LOCK_RECEIVER: Final = """
    SELECT * FROM webhooks_receiver
    WHERE id = (SELECT receiver_id FROM webhooks_inboundrequest WHERE id = %s) FOR KEY SHARE
"""
_NEW_KEYS: Final = """
    INSERT INTO webhooks_inboundkey AS stored (tenant_id, receiver_id, key, expires_at)
    SELECT %(tenant)s, %(receiver)s, key, now() + %(kept)s FROM unnest(%(keys)s::text[]) AS key ORDER BY key
    ON CONFLICT (tenant_id, receiver_id, key) DO UPDATE SET expires_at = excluded.expires_at
        WHERE stored.expires_at <= now()
    RETURNING key
"""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a stored request; `detail` says why it was refused."""

    receiver_id: UUID
    outcome: InboundOutcome
    detail: str = ""


def publish(tenant_id: UUID, request_id: UUID) -> Published | None:
    """Turn a stored request into events; None if others have it, or it is gone with its receiver.

    One transaction. Of a request that is refused, whatever the reason, nothing is kept but the reason: no event, and no
    key that would make its repetition a duplicate. Raises DatabaseError when the database is at fault: then the request
    stays stored, for the sweep.
    """
    with tenant_scope(tenant_id):
        receivers = list(Receiver.objects.raw(_LOCK_RECEIVER, [request_id]))
        rows = InboundRequest.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        request = rows.filter(id=request_id, state=InboundState.STORED).order_by("id").first()
        if request is None or not receivers:
            return None
        (receiver,) = receivers
        try:
            with transaction.atomic():
                fresh = _fresh(receiver, request)
                new = _new_events(receiver, request, fresh)
                accepted = _accept(Tenant.objects.get(id=tenant_id), new)
                _settle_messages(receiver, fresh or ())
        except (RefusedError, InvalidInputError, TenantInactive) as refusal:
            return _refuse(request, refusal.detail)
        except DataError:
            return _refuse(request, "It holds a value that cannot be stored.")
        except _MISREAD as error:  # a mistake of ours; whoever sent it may send it again when it is mended
            logger.exception("inbound_misread", request_id=str(request_id), provider=receiver.provider)
            return _refuse(request, f"It could not be understood ({type(error).__name__}).")
        request.event_ids = [str(answer.event_id) for answer in accepted]
        if new is None:
            return _end(request, InboundState.DUPLICATE, InboundOutcome.DUPLICATE)
        if not accepted:
            return _end(request, InboundState.IGNORED, InboundOutcome.IGNORED)
        return _end(request, InboundState.PUBLISHED, InboundOutcome.ACCEPTED)


def publish_stored() -> int:
    """Publish what was stored and not published, a process having died in between; return how many requests.

    Goes through all of them once, in the order of their arrival: one that fails holds up no other, and after a day it
    is refused for good. Safe beside itself and beside the requests that are being received.
    """
    waiting = InboundRequest.objects.filter(
        state=InboundState.STORED, received_at__lt=timezone.now() - SWEPT_AFTER
    ).order_by("id")
    published = 0
    after: UUID | None = None
    while True:
        rows = waiting.filter(id__gt=after) if after else waiting
        batch = list(rows.values_list("id", "tenant_id")[:_SWEPT_AT_ONCE])
        for request_id, tenant_id in batch:
            published += _sweep(tenant_id, request_id)
        if len(batch) < _SWEPT_AT_ONCE:
            return published
        after = batch[-1][0]


def _sweep(tenant_id: UUID, request_id: UUID) -> bool:
    try:
        done = publish(tenant_id, request_id)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("inbound_not_published_yet", request_id=str(request_id), reason=type(error).__name__)
        done = _give_up_when_old(tenant_id, request_id)
    if done is not None:
        count(done.receiver_id, done.outcome)
    return done is not None


def _give_up_when_old(tenant_id: UUID, request_id: UUID) -> Published | None:
    with tenant_scope(tenant_id):
        rows = InboundRequest.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        too_old = timezone.now() - GIVEN_UP_AFTER
        request = rows.filter(id=request_id, state=InboundState.STORED, received_at__lt=too_old).order_by("id").first()
        return _refuse(request, "It could not be published within a day.") if request is not None else None


def _fresh(receiver: Receiver, request: InboundRequest) -> list[Received] | None:
    """Return the events that were not received before; None when all of them were."""
    incoming = Incoming(
        method="POST",
        url=request.url,
        headers=request.headers,
        body=bytes(request.body or b""),
        received_at=request.received_at,
    )
    known = Settings(name=receiver.name, secrets=(), options=receiver.options)
    received = get_receiving(receiver.provider).parse(incoming, known)
    if len(received) > MAX_EVENTS:
        raise RefusedError(Reason.MALFORMED, f"It holds {len(received):,} events; at most {MAX_EVENTS:,} are taken.")
    fresh = _not_seen(receiver, received)
    return fresh or None


def _new_events(receiver: Receiver, request: InboundRequest, fresh: Sequence[Received] | None) -> list[NewEvent] | None:
    """Return those events that are wanted; None without fresh ones."""
    if fresh is None:
        return None
    wanted = Router([(True, receiver.event_types or ["*"])])
    metadata = {"receiver": receiver.name, "provider": receiver.provider, "request": str(request.id)}
    events: list[NewEvent] = []
    room = MAX_EVENT_BYTES
    for event in fresh:
        if not wanted.subscribers(event.event_type):
            continue
        events.append(
            new_event(
                payload=event.payload,
                event_type=event.event_type,
                triggered_by=f"receiver {receiver.name}",
                metadata=metadata,
                needs_type=True,
            )
        )
        room -= len(events[-1].body)
        if room < 0:
            raise RefusedError(Reason.MALFORMED, f"Its events have more than {MAX_EVENT_BYTES:,} characters together.")
    return events


def _not_seen(receiver: Receiver, received: Sequence[Received]) -> list[Received]:
    """Remember the keys of events, in this transaction, and return those events whose key is new."""
    by_key = {event.key: event for event in reversed(received)}
    parameters: dict[str, Any] = {
        "tenant": receiver.tenant_id,
        "receiver": receiver.id,
        "kept": KEPT_KEYS_FOR,
        "keys": list(by_key),
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEW_KEYS, parameters)
        new = {row[0] for row in cursor.fetchall()}
    return [by_key[key] for key in dict.fromkeys(event.key for event in received) if key in new]


def _settle_messages(receiver: Receiver, fresh: Sequence[Received]) -> None:
    """Apply what the events say of the tenant's messages, whether or not they are wanted as events."""
    try:
        messaging = messaging_of(get_provider(receiver.provider))
    except UnknownProviderError:
        return
    if messaging is not None and fresh:
        updates = [update for event in fresh for update in messaging.statuses(event)]
        apply_statuses(receiver.tenant_id, receiver.provider, updates)


def _accept(tenant: Tenant, events: list[NewEvent] | None) -> list[Accepted]:
    answers = accept_events(tenant=tenant, events=events, choose=subscribers) if events else []
    return [answer for answer in answers if isinstance(answer, Accepted)]


def _refuse(request: InboundRequest, detail: str) -> Published:
    request.detail = detail[:200]
    return _end(request, InboundState.REFUSED, InboundOutcome.MALFORMED)


def _end(request: InboundRequest, state: InboundState, outcome: InboundOutcome) -> Published:
    request.state = state
    request.body = None  # an event has it, or nobody wants it
    request.save(update_fields=["state", "detail", "body", "event_ids"])
    return Published(request.receiver_id, outcome, request.detail)
