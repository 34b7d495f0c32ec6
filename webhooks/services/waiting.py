"""Waiting for the end of deliveries, and what came of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.transaction import TransactionManagementError

from analytics.recording import WebhookCall
from integrations.errors import InvalidInputError
from integrations.ids import uuid7_floor, uuid7_time
from integrations.isolation.scope import tenant_scope
from integrations.process_metrics import waited
from webhooks.models import Delivery, DeliveryState

DEFAULT_WAIT_SECONDS: Final = 10.0
MAX_WAIT_SECONDS: Final = 60.0
# Half of the 16 threads of a web process: the other half stays free for requests that take no time.
MAX_WAITING: Final = 8
FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 0.25
# Clocks of hosts differ: a call is looked for from a little before its delivery was accepted.
CLOCK_SKEW: Final = timedelta(minutes=5)
FINISHED: Final = frozenset(
    {DeliveryState.SUCCEEDED, DeliveryState.FAILED, DeliveryState.CANCELLED, DeliveryState.UNKNOWN}
)
_places = threading.BoundedSemaphore(MAX_WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCallResult:
    """`success` is None while the delivery is still under way: ask again by `delivery_id`.

    `status_code`, `response_time_ms` and `response_body` are those of the last attempt, `attempts` counts all.
    """

    delivery_id: UUID
    success: bool | None = None
    status_code: int | None = None
    response_time_ms: int | None = None
    response_body: str = ""
    error_message: str = ""
    attempts: int = 0


def check_wait(seconds: float) -> None:
    """Refuse a wait that is too long (InvalidInputError) or would never end (TransactionManagementError)."""
    if not 0 < seconds <= MAX_WAIT_SECONDS:
        raise InvalidInputError({"wait_seconds": [f"Give a number above 0, at most {MAX_WAIT_SECONDS:g}."]})
    if connection.in_atomic_block:
        raise TransactionManagementError(
            "Waiting for a webhook inside a transaction would never end: the delivery becomes visible when it commits. "
            "Call with wait=False, or after the commit."
        )


def wait_for(*, tenant_id: UUID, delivery_ids: Sequence[UUID], seconds: float) -> list[WebhookCallResult]:
    """Return what came of deliveries, in their order, when all have ended or `seconds` have passed.

    Looks for them by id with growing pauses and no transaction open in between. At most half of a web process' threads
    wait; whoever finds no place gets at once what there is.
    """
    with _place_to_wait() as has_place:
        give_up_at = time.monotonic() + (seconds if has_place else 0.0)
        pause = FIRST_PAUSE
        results = {delivery_id: WebhookCallResult(delivery_id=delivery_id) for delivery_id in delivery_ids}
        while True:
            waiting = [delivery_id for delivery_id, result in results.items() if result.success is None]
            results |= _results(tenant_id, waiting)
            left = give_up_at - time.monotonic()
            if left <= 0 or all(result.success is not None for result in results.values()):
                return [results[delivery_id] for delivery_id in delivery_ids]
            time.sleep(min(pause, left))
            waited.seconds += min(pause, left)
            pause = min(pause * 1.5, LONGEST_PAUSE)


@contextmanager
def _place_to_wait() -> Iterator[bool]:
    has_place = _places.acquire(blocking=False)
    try:
        yield has_place
    finally:
        if has_place:
            _places.release()


def _results(tenant_id: UUID, delivery_ids: Collection[UUID]) -> dict[UUID, WebhookCallResult]:
    if not delivery_ids:
        return {}
    with tenant_scope(tenant_id):
        deliveries = list(Delivery.objects.filter(id__in=delivery_ids))
        calls = _last_calls([delivery.id for delivery in deliveries if delivery.state in FINISHED])
    return {delivery.id: _result(delivery, calls.get(delivery.id)) for delivery in deliveries}


def _last_calls(delivery_ids: Collection[UUID]) -> dict[UUID, WebhookCall]:
    if not delivery_ids:
        return {}
    oldest = uuid7_floor(uuid7_time(min(delivery_ids)) - CLOCK_SKEW)
    calls = WebhookCall.objects.filter(delivery_id__in=delivery_ids, id__gte=oldest)
    last = calls.order_by("delivery_id", "-run", "-attempt", "-id").distinct("delivery_id")
    return {call.delivery_id: call for call in last}


def _result(delivery: Delivery, call: WebhookCall | None) -> WebhookCallResult:
    if delivery.state not in FINISHED:
        return WebhookCallResult(delivery_id=delivery.id, attempts=delivery.attempts, error_message=delivery.last_error)
    if call is not None and call.run != delivery.run:
        call = None  # the last run ended without a request
    return WebhookCallResult(
        delivery_id=delivery.id,
        success=delivery.state == DeliveryState.SUCCEEDED,
        status_code=call.status_code if call else None,
        response_time_ms=call.response_time_ms if call else None,
        response_body=call.response_body if call else "",
        error_message=(call.error_message if call else "") or delivery.last_error,
        attempts=delivery.attempts,
    )
