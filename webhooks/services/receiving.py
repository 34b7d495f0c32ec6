"""Receiving: from a request that nobody trusts to an event of the tenant.

A request is checked from the cheap to the dear: where it comes from, how many came before, what it signs. What proved
itself is stored first, as it arrived, and committed: from then on it is ours, and the sender may be told so. Publishing
is a second transaction, right after; what it does not come to, a sweep publishes within half a minute. The sender's own
id of an event decides whether it is a new one, so that repetitions are answered like the first and sent to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from integrations.errors import InvalidInputError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from integrations.providers.receiving import Answer, Incoming, Reason, Received, RefusedError, Settings
from integrations.providers.registry import get_receiving
from integrations.sliding_window import Limit, SlidingWindow
from webhooks.errors import TenantInactive
from webhooks.models import InboundOutcome, InboundRequest, InboundState, Receiver
from webhooks.routing import Router
from webhooks.services.accept import Accepted, accept_events
from webhooks.services.audience import subscribers
from webhooks.services.payloads import NewEvent, new_event

logger = structlog.get_logger(__name__)

MAX_BODY_BYTES: Final = 256 * 1024
# Meta repeats for seven days.
KEPT_KEYS_FOR: Final = timedelta(days=7)
SWEPT_AFTER: Final = timedelta(seconds=20)
_SWEPT_AT_ONCE: Final = 200
# What proves the sender is not kept: who reads the row could send in its name.
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_OUTCOMES: Final = {
    Reason.SIGNATURE: InboundOutcome.SIGNATURE,
    Reason.STALE: InboundOutcome.STALE,
    Reason.MALFORMED: InboundOutcome.MALFORMED,
}

_COUNT: Final = """
    INSERT INTO webhooks_receivercount AS stored (tenant_id, receiver_id, hour, outcome, requests)
    SELECT tenant_id, id, date_trunc('hour', now()), %s, 1 FROM webhooks_receiver WHERE id = %s
    ON CONFLICT (tenant_id, receiver_id, hour, outcome) DO UPDATE SET requests = stored.requests + 1
"""
_NEW_KEYS: Final = """
    INSERT INTO webhooks_inboundkey AS stored (tenant_id, receiver_id, key, expires_at)
    SELECT %(tenant)s, %(receiver)s, key, now() + %(kept)s FROM unnest(%(keys)s::text[]) AS key ORDER BY key
    ON CONFLICT (tenant_id, receiver_id, key) DO UPDATE SET expires_at = excluded.expires_at
        WHERE stored.expires_at <= now()
    RETURNING key
"""


class NotLetInError(Exception):
    """A request that is not let in: `outcome` is what is counted, the message what the sender may read."""

    def __init__(self, outcome: InboundOutcome, detail: str, *, wait: int | None = None) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail
        self.wait = wait


def find_receiver(receiver_id: UUID) -> Receiver:
    """Return an active receiver of an active tenant. Raises NotFoundError for any other: nobody learns which."""
    rows = Receiver.objects.select_related("tenant").filter(
        id=receiver_id, is_active=True, tenant__is_active=True, tenant__deleted_at=None
    )
    receiver = rows.order_by("id").first()
    if receiver is None:
        raise NotFoundError("There is no such receiver.")
    return receiver


def receive(receiver: Receiver, incoming: Incoming, *, address: str | None) -> Answer:
    """Take in one request and return what its sender wants to hear.

    Raises NotLetInError, after counting it; nothing else of the request is kept then. Safe for the same request at the
    same time: one of them publishes, the others are duplicates.
    """
    try:
        return _challenged_or_stored(receiver, incoming, address)
    except NotLetInError as refusal:
        count(receiver.id, refusal.outcome)
        raise


def count(receiver_id: UUID, outcome: InboundOutcome) -> None:
    """Count one request."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [outcome.value, receiver_id])


def publish_stored() -> int:
    """Publish what was stored and not published, a process having died in between; return how many requests.

    Safe beside itself and beside the requests that are being received.
    """
    waiting = InboundRequest.objects.filter(
        state=InboundState.STORED, received_at__lt=timezone.now() - SWEPT_AFTER
    ).order_by("id")
    published = 0
    for request_id, tenant_id in list(waiting.values_list("id", "tenant_id")[:_SWEPT_AT_ONCE]):
        outcome = _publish(tenant_id, request_id)
        if outcome is not None:
            count(outcome[0], outcome[1])
            published += 1
    return published


def _challenged_or_stored(receiver: Receiver, incoming: Incoming, address: str | None) -> Answer:
    _check_network(receiver, address)
    _check_rate(receiver)
    receiving = get_receiving(receiver.provider)
    known = _known(receiver)
    try:
        answer = receiving.challenge(incoming, known)
        if answer is not None:
            return answer
        receiving.verify(incoming, known)
    except RefusedError as refusal:
        raise NotLetInError(_OUTCOMES[refusal.reason], refusal.detail) from None
    if incoming.method != "POST":
        raise NotLetInError(InboundOutcome.MALFORMED, "Send a POST.")
    request_id = _store(receiver, incoming)
    try:
        outcome = _publish(receiver.tenant_id, request_id)
    except DatabaseError as error:  # it is stored: the sweep goes on with it
        logger.warning("inbound_not_published_yet", request_id=str(request_id), reason=type(error).__name__)
        return receiving.answer()
    if outcome is not None and outcome[1] is InboundOutcome.MALFORMED:
        raise NotLetInError(outcome[1], outcome[2])
    if outcome is not None:
        count(receiver.id, outcome[1])
    return receiving.answer()


def _check_network(receiver: Receiver, address: str | None) -> None:
    if not receiver.allowed_networks:
        return
    if address is None or not any(ip_address(address) in ip_network(text) for text in receiver.allowed_networks):
        raise NotLetInError(InboundOutcome.NETWORK, "This address may not send here.")


def _check_rate(receiver: Receiver) -> None:
    if receiver.rate_limit_per_minute is None:
        return
    limit = Limit("receiver", f"signalbox:receiver:{receiver.id}", receiver.rate_limit_per_minute)
    shared: Any = settings.CACHES["shared"]
    taken = _counts(shared["LOCATION"]).take([limit])
    if taken is not None and not taken.allowed:
        wait = max(standing.wait for standing in taken.standings)
        raise NotLetInError(InboundOutcome.RATE, "Too many requests of this minute.", wait=wait)


@cache
def _counts(url: str) -> SlidingWindow:
    return SlidingWindow(url, window=60)


def _known(receiver: Receiver) -> Settings:
    return Settings(
        name=receiver.name,
        secrets=[secret.reveal() for secret in receiver.secrets(timezone.now())],
        verify_token=receiver.verify_token.reveal() if receiver.verify_token is not None else "",
        options=receiver.options,
    )


def _store(receiver: Receiver, incoming: Incoming) -> UUID:
    """Write the request down as it is, and commit."""
    headers = {
        name: value.replace("\0", "")[:2000]
        for name, value in incoming.headers.items()
        if name not in _SECRET_HEADERS and "signature" not in name and name not in _token_headers(receiver)
    }
    with tenant_scope(receiver.tenant_id):
        stored = InboundRequest.objects.create(
            tenant_id=receiver.tenant_id,
            receiver=receiver,
            url=incoming.url[:2000],
            headers=headers,
            body=incoming.body,
            received_at=incoming.received_at,
        )
    return stored.id


def _token_headers(receiver: Receiver) -> set[str]:
    """A fixed token in a header is the secret itself."""
    return {str(receiver.options["header"]).lower()} if "header" in receiver.options else set()


def _publish(tenant_id: UUID, request_id: UUID) -> tuple[UUID, InboundOutcome, str] | None:
    """Turn a stored request into events; return its receiver, what became of it and why, or None if others have it."""
    with tenant_scope(tenant_id):
        rows = InboundRequest.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        request = rows.filter(id=request_id, state=InboundState.STORED).order_by("id").first()
        if request is None:
            return None
        receiver = Receiver.objects.get(id=request.receiver_id)
        tenant = Tenant.objects.get(id=tenant_id)
        try:
            new = _new_events(receiver, request)
            accepted = _accept(tenant, new)
        except (RefusedError, InvalidInputError, TenantInactive) as refusal:
            request.detail = refusal.detail[:200]
            _end(request, InboundState.REFUSED)
            return receiver.id, InboundOutcome.MALFORMED, request.detail
        request.event_ids = [str(answer.event_id) for answer in accepted]
        if new is None:
            _end(request, InboundState.DUPLICATE)
            return receiver.id, InboundOutcome.DUPLICATE, ""
        if not accepted:
            _end(request, InboundState.IGNORED)
            return receiver.id, InboundOutcome.IGNORED, ""
        _end(request, InboundState.PUBLISHED)
        return receiver.id, InboundOutcome.ACCEPTED, ""


def _new_events(receiver: Receiver, request: InboundRequest) -> list[NewEvent] | None:
    """Return the events that were not received before and are wanted; None when all of them were."""
    incoming = Incoming(
        method="POST",
        url=request.url,
        headers=request.headers,
        body=bytes(request.body or b""),
        received_at=request.received_at,
    )
    known = Settings(name=receiver.name, secrets=(), options=receiver.options)
    received = get_receiving(receiver.provider).parse(incoming, known)
    fresh = _not_seen(receiver, received)
    if not fresh:
        return None
    wanted = Router([(True, receiver.event_types or ["*"])])
    metadata = {"receiver": receiver.name, "provider": receiver.provider, "request": str(request.id)}
    return [
        new_event(
            payload=event.payload,
            event_type=event.event_type,
            triggered_by=f"receiver {receiver.name}",
            metadata=metadata,
            needs_type=True,
        )
        for event in fresh
        if wanted.subscribers(event.event_type)
    ]


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


def _accept(tenant: Tenant, events: list[NewEvent] | None) -> list[Accepted]:
    answers = accept_events(tenant=tenant, events=events, choose=subscribers) if events else []
    return [answer for answer in answers if isinstance(answer, Accepted)]


def _end(request: InboundRequest, state: InboundState) -> None:
    request.state = state
    request.body = None  # an event has it, or nobody wants it
    request.save(update_fields=["state", "detail", "body", "event_ids"])
