"""Receiving: from a request that nobody trusts to an event of the tenant.

A request is checked in this order: how large it is, where it comes from, what it signs, how many came before. What
passed is stored first, as it arrived, and committed: from then on it is ours, and the sender may be told so. Publishing
is a second transaction, right after; what it does not come to, a sweep publishes within half a minute. The sender's own
id of an event decides whether it is a new one, so that repetitions are answered like the first and sent to nobody.
"""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError
from django.utils import timezone

from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.unreadable import mark_unreadable
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.providers.receiving import Answer, Incoming, Reason, RefusedError, Settings
from integrations.providers.registry import get_receiving
from integrations.sliding_window import Limit, SlidingWindow
from webhooks.models import InboundOutcome, InboundRequest, Receiver
from webhooks.services.inbound_counts import count
from webhooks.services.inbound_publishing import publish

logger = structlog.get_logger(__name__)

MAX_BODY_BYTES: Final = 256 * 1024
_MAX_HEADER: Final = 2_000
_MAX_URL: Final = 2_000
# What proves the sender is not kept: who reads the row could send in its name.
_SECRET_HEADERS: Final = re.compile(r"auth|cookie|passw|secret|signature|token|api-?key")
_OUTCOMES: Final = {
    Reason.SIGNATURE: InboundOutcome.SIGNATURE,
    Reason.STALE: InboundOutcome.STALE,
    Reason.MALFORMED: InboundOutcome.MALFORMED,
}


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


def check_size(receiver: Receiver, size: int) -> None:
    """Raise NotLetInError, after counting it, for a body of that many bytes that is not taken in."""
    if size > MAX_BODY_BYTES:
        count(receiver.id, InboundOutcome.TOO_LARGE)
        raise NotLetInError(InboundOutcome.TOO_LARGE, f"At most {MAX_BODY_BYTES:,} bytes are taken in.")


def receive(receiver: Receiver, incoming: Incoming, *, address: str | None) -> Answer:
    """Take in one request and return what its sender wants to hear.

    Raises NotLetInError, after counting it; of a request that did not prove itself nothing else is kept. Raises
    EncryptionError when no secret of the receiver can be opened. Safe for the same request at the same time: one of
    them publishes, the others are duplicates.
    """
    check_size(receiver, len(incoming.body))
    try:
        return _challenged_or_stored(receiver, incoming, address)
    except NotLetInError as refusal:
        count(receiver.id, refusal.outcome)
        raise


def _challenged_or_stored(receiver: Receiver, incoming: Incoming, address: str | None) -> Answer:
    _check_network(receiver, address)
    receiving = get_receiving(receiver.provider)
    known = _known(receiver)
    try:
        answer = receiving.challenge(incoming, known)
        if answer is None:
            receiving.verify(incoming, known)
    except RefusedError as refusal:
        raise NotLetInError(_OUTCOMES[refusal.reason], refusal.detail) from None
    # After the signature, so that who only knows the address cannot use up what the sender may send.
    _check_rate(receiver)
    if answer is not None:
        return answer
    if incoming.method != "POST" and not receiving.takes_queries:
        raise NotLetInError(InboundOutcome.MALFORMED, "Send a POST.")
    request_id = _store(receiver, incoming, known)
    try:
        published = publish(receiver.tenant_id, request_id)
    except (DatabaseError, InterfaceError) as error:  # it is stored: the sweep goes on with it
        logger.warning("inbound_not_published_yet", request_id=str(request_id), reason=type(error).__name__)
        return receiving.answer()
    if published is not None and published.outcome is InboundOutcome.MALFORMED:
        raise NotLetInError(published.outcome, published.detail)
    if published is not None:
        count(receiver.id, published.outcome)
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
        secrets=_opened(receiver),
        verify_token=receiver.verify_token.reveal() if receiver.verify_token is not None else "",
        options=receiver.options,
    )


def _opened(receiver: Receiver) -> list[str]:
    """Return the secrets that open: during a rotation one of them is enough. Raises the last error if none does."""
    opened: list[str] = []
    failed: UnreadableSecretError | None = None
    for secret in receiver.secrets(timezone.now()):
        try:
            opened.append(secret.reveal())
        except UnreadableSecretError as error:
            mark_unreadable(error)
            failed = error
    if failed is not None and not opened:
        raise failed
    return opened


def _store(receiver: Receiver, incoming: Incoming, known: Settings) -> UUID:
    """Write the request down as it is but for what proves it, and commit. NotFoundError if the receiver is gone."""
    try:
        with tenant_scope(receiver.tenant_id):
            stored = InboundRequest.objects.create(
                tenant_id=receiver.tenant_id,
                receiver=receiver,
                url=_kept_url(incoming, get_receiving(receiver.provider).kept_parameters),
                headers=_kept_headers(incoming, known),
                body=incoming.body,
                received_at=incoming.received_at,
            )
    except IntegrityError:
        raise NotFoundError("There is no such receiver.") from None
    return stored.id


def _kept_url(incoming: Incoming, parameters: tuple[str, ...]) -> str:
    """Return the address with our own parameters alone: senders put tokens of theirs into queries."""
    address = incoming.url.partition("?")[0]
    ours = urlencode({name: incoming.query[name] for name in parameters if name in incoming.query})
    return f"{address}?{ours}"[:_MAX_URL] if ours else address[:_MAX_URL]


def _kept_headers(incoming: Incoming, known: Settings) -> dict[str, str]:
    """Return the headers that say something of the event, in characters that can be stored as JSON."""
    read = {
        known.options[name].lower()
        for name in ("timestamp_header", "id_header", "type_header")
        if name in known.options
    }
    proving = known.options.get("header", "").lower()
    return {
        name: value.encode("utf-8", "replace").decode().replace("\0", "")[:_MAX_HEADER]
        for name, value in incoming.headers.items()
        if name != proving
        and (name in read or not _SECRET_HEADERS.search(name))
        and not any(secret in value for secret in known.secrets)
    }
