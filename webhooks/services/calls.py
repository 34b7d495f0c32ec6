"""Calling webhooks from Python: durable, or waiting for the result."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.transaction import TransactionManagementError

from analytics.recording import WebhookCall
from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import InvalidInputError
from integrations.ids import uuid7_floor, uuid7_time
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.errors import WebhookNotConfigured
from webhooks.models import Delivery, DeliveryState, RetrySchedule, Webhook
from webhooks.services.accept import DeliveryRules, accept_event

MAX_RETRIES: Final = 20
MIN_TIMEOUT: Final = 1.0
MAX_TIMEOUT: Final = 60.0
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


def call_webhook(
    webhook: Webhook,
    payload: Mapping[str, Any],
    *,
    triggered_by: str = "",
    metadata: Mapping[str, Any] | None = None,
    max_retries: int | None = None,
    timeout: float | None = None,
    wait: bool = False,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
) -> WebhookCallResult:
    """Send `payload` to a webhook. By default it is stored and then delivered on the webhook's schedule, come what may.

    With `wait` the schedule is `quick` and the result is waited for, up to `wait_seconds` (at most 60); when they run
    out, or when too many others wait in this process, `success` is None and the delivery goes on. `timeout` is one
    attempt's, in seconds (1 to 60); `max_retries` cuts the schedule short.

    Raises InvalidInputError, WebhookNotConfigured, WebhookInactive and TenantInactive, before anything is stored, and
    TransactionManagementError for `wait` inside a transaction: until that commits, nobody can see the delivery.
    """
    rules = _rules(max_retries=max_retries, timeout=timeout, is_quick=wait)
    if wait:
        _refuse_to_wait_in_transaction()
        _check_wait_seconds(wait_seconds)
    accepted = accept_event(
        tenant=webhook.tenant,
        payload=payload,
        webhooks=[webhook],
        triggered_by=triggered_by,
        metadata=metadata,
        rules=rules,
    )
    (delivery_id,) = accepted.delivery_ids
    if not wait:
        return WebhookCallResult(delivery_id=delivery_id)
    return _wait_for(tenant_id=webhook.tenant_id, delivery_id=delivery_id, seconds=wait_seconds)


def call_webhook_by_name(
    tenant: Tenant,
    workflow_name: str,
    payload: Mapping[str, Any],
    *,
    triggered_by: str = "",
    metadata: Mapping[str, Any] | None = None,
    max_retries: int | None = None,
    timeout: float | None = None,
    wait: bool = False,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
) -> WebhookCallResult:
    """Call the tenant's webhook of this name, as `call_webhook` does; WebhookNotConfigured if there is none."""
    with tenant_scope(tenant):
        webhook = Webhook.objects.select_related("tenant").filter(tenant=tenant, workflow_name=workflow_name).first()
    if webhook is None:
        raise WebhookNotConfigured(f"The tenant {tenant.slug} has no webhook {workflow_name}.")
    return call_webhook(
        webhook,
        payload,
        triggered_by=triggered_by,
        metadata=metadata,
        max_retries=max_retries,
        timeout=timeout,
        wait=wait,
        wait_seconds=wait_seconds,
    )


def test_webhook(
    webhook: Webhook,
    *,
    actor: Actor,
    payload: Mapping[str, Any] | None = None,  # noqa: PT028  (it is no test of pytest's)
) -> WebhookCallResult:
    """Fire a test call now and wait for its result; recorded and counted like others, with `triggered_by` "test".

    Without a `payload` a sample says that it is a test. Waits for 10 s at most, which is enough for the retries of an
    endpoint that answers. Raises what `call_webhook` raises; a disabled webhook is not tested, because what a test
    shows is that real calls arrive.
    """
    _refuse_to_wait_in_transaction()
    with tenant_scope(webhook.tenant_id):
        accepted = accept_event(
            tenant=webhook.tenant,
            payload=_sample(webhook) if payload is None else payload,
            webhooks=[webhook],
            triggered_by="test",
            rules=DeliveryRules(retry_schedule=RetrySchedule.QUICK),
        )
        record_activity(actor=actor, verb="webhook.tested", target=webhook, tenant_id=webhook.tenant_id)
    (delivery_id,) = accepted.delivery_ids
    return _wait_for(tenant_id=webhook.tenant_id, delivery_id=delivery_id, seconds=DEFAULT_WAIT_SECONDS)


test_webhook.__test__ = False  # type: ignore[attr-defined]


def _sample(webhook: Webhook) -> dict[str, Any]:
    return {
        "test": True,
        "message": "A test call from Signalbox.",
        "workflow_name": webhook.workflow_name,
        "sent_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _rules(*, max_retries: int | None, timeout: float | None, is_quick: bool) -> DeliveryRules:
    errors = {}
    if max_retries is not None and not 0 <= max_retries <= MAX_RETRIES:
        errors["max_retries"] = [f"Give a number from 0 to {MAX_RETRIES}."]
    if timeout is not None and not MIN_TIMEOUT <= timeout <= MAX_TIMEOUT:
        errors["timeout"] = [f"Give {MIN_TIMEOUT:g} to {MAX_TIMEOUT:g} seconds."]
    if errors:
        raise InvalidInputError(errors)
    return DeliveryRules(
        max_retries=max_retries,
        timeout_ms=None if timeout is None else round(timeout * 1000),
        retry_schedule=RetrySchedule.QUICK if is_quick else "",
    )


def _check_wait_seconds(seconds: float) -> None:
    if not 0 < seconds <= MAX_WAIT_SECONDS:
        raise InvalidInputError({"wait_seconds": [f"Give a number above 0, at most {MAX_WAIT_SECONDS:g}."]})


def _refuse_to_wait_in_transaction() -> None:
    if connection.in_atomic_block:
        raise TransactionManagementError(
            "Waiting for a webhook inside a transaction would never end: the delivery becomes visible when it commits. "
            "Call with wait=False, or after the commit."
        )


def _wait_for(*, tenant_id: UUID, delivery_id: UUID, seconds: float) -> WebhookCallResult:
    """Look for the end of a delivery, by its id, with growing pauses and no transaction open in between."""
    with _place_to_wait() as has_place:
        give_up_at = time.monotonic() + (seconds if has_place else 0.0)
        pause = FIRST_PAUSE
        while True:
            result = _result(tenant_id, delivery_id)
            left = give_up_at - time.monotonic()
            if result.success is not None or left <= 0:
                return result
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)


@contextmanager
def _place_to_wait() -> Iterator[bool]:
    has_place = _places.acquire(blocking=False)
    try:
        yield has_place
    finally:
        if has_place:
            _places.release()


def _result(tenant_id: UUID, delivery_id: UUID) -> WebhookCallResult:
    with tenant_scope(tenant_id):
        delivery = Delivery.objects.filter(id=delivery_id).first()
        if delivery is None or delivery.state not in FINISHED:
            return WebhookCallResult(
                delivery_id=delivery_id,
                attempts=delivery.attempts if delivery else 0,
                error_message=delivery.last_error if delivery else "",
            )
        call = (
            WebhookCall.objects.filter(
                delivery_id=delivery_id, id__gte=uuid7_floor(uuid7_time(delivery_id) - CLOCK_SKEW), run=delivery.run
            )
            .order_by("-attempt", "-id")
            .first()
        )
    return WebhookCallResult(
        delivery_id=delivery_id,
        success=delivery.state == DeliveryState.SUCCEEDED,
        status_code=call.status_code if call else None,
        response_time_ms=call.response_time_ms if call else None,
        response_body=call.response_body if call else "",
        error_message=(call.error_message if call else "") or delivery.last_error,
        attempts=delivery.attempts,
    )
