"""Calling one webhook from Python: durable, or waiting for the result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import InvalidInputError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.models import RetrySchedule, Webhook
from webhooks.routing import event_type_problems
from webhooks.services.accept import DeliveryRules, accept_event
from webhooks.services.audience import chosen, named
from webhooks.services.payloads import new_event
from webhooks.services.sending import send
from webhooks.services.waiting import (
    DEFAULT_WAIT_SECONDS,
    WebhookCallResult,
    check_wait,
    wait_for,
)

__all__ = [
    "WebhookCallResult",
    "call_webhook",
    "call_webhook_by_name",
    "test_webhook",
]


def call_webhook(
    webhook: Webhook,
    payload: Mapping[str, Any],
    *,
    triggered_by: str = "",
    metadata: Mapping[str, Any] | None = None,
    max_retries: int | None = None,
    timeout: float | None = None,
    idempotency_key: str | None = None,
    wait: bool = False,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
) -> WebhookCallResult:
    """Send `payload` to a webhook. By default it is stored and then delivered on the webhook's schedule, come what may.

    With `wait` the schedule is `quick` and the result is waited for, up to `wait_seconds` (at most 60); when they run
    out, or when too many others wait in this process, `success` is None and the delivery goes on. `timeout` is one
    attempt's, in seconds (1 to 60); `max_retries` cuts the schedule short. With the same `idempotency_key` and content
    as within the last 24 hours nothing is stored, and the result is the first one's.

    Raises InvalidInputError, WebhookNotConfigured, WebhookInactive, TenantInactive and IdempotencyConflict, before
    anything is stored, and TransactionManagementError for `wait` inside a transaction: until that commits, nobody can
    see the delivery.
    """
    sent = send(
        tenant=webhook.tenant,
        choose=chosen([webhook]),
        event=new_event(payload=payload, triggered_by=triggered_by, metadata=metadata, idempotency_key=idempotency_key),
        max_retries=max_retries,
        timeout=timeout,
        wait=wait,
        wait_seconds=wait_seconds,
    )
    (result,) = sent.results.values()
    return result


def call_webhook_by_name(
    tenant: Tenant,
    workflow_name: str,
    payload: Mapping[str, Any],
    *,
    triggered_by: str = "",
    metadata: Mapping[str, Any] | None = None,
    max_retries: int | None = None,
    timeout: float | None = None,
    idempotency_key: str | None = None,
    wait: bool = False,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
) -> WebhookCallResult:
    """Call the tenant's webhook of this name, as `call_webhook` does; WebhookNotConfigured if there is none."""
    sent = send(
        tenant=tenant,
        choose=named(workflow_name),
        event=new_event(payload=payload, triggered_by=triggered_by, metadata=metadata, idempotency_key=idempotency_key),
        max_retries=max_retries,
        timeout=timeout,
        wait=wait,
        wait_seconds=wait_seconds,
    )
    (result,) = sent.results.values()
    return result


def test_webhook(
    webhook: Webhook,
    *,
    actor: Actor,
    payload: Mapping[str, Any] | None = None,  # noqa: PT028  (it is no test of pytest's)
    event_type: str = "",  # noqa: PT028
) -> WebhookCallResult:
    """Fire a test call now and wait for its result; recorded and counted like others, with `triggered_by` "test".

    Without a `payload` a sample says that it is a test; with an `event_type` it looks like such an event, which goes to
    this webhook alone. Waits for 10 s at most, which is enough for the retries of an endpoint that answers. Raises what
    `call_webhook` raises; a disabled webhook is not tested, because what a test shows is that real calls arrive.
    """
    check_wait(DEFAULT_WAIT_SECONDS)
    if event_type and (problems := event_type_problems(event_type)):
        raise InvalidInputError({"event_type": problems})
    with tenant_scope(webhook.tenant_id):
        accepted = accept_event(
            tenant=webhook.tenant,
            payload=_sample(webhook) if payload is None else payload,
            webhooks=[webhook],
            event_type=event_type,
            triggered_by="test",
            rules=DeliveryRules(retry_schedule=RetrySchedule.QUICK),
        )
        record_activity(actor=actor, verb="webhook.tested", target=webhook, tenant_id=webhook.tenant_id)
    (result,) = wait_for(tenant_id=webhook.tenant_id, delivery_ids=accepted.delivery_ids, seconds=DEFAULT_WAIT_SECONDS)
    return result


test_webhook.__test__ = False  # type: ignore[attr-defined]


def _sample(webhook: Webhook) -> dict[str, Any]:
    return {
        "test": True,
        "message": "A test call from Signalbox.",
        "workflow_name": webhook.workflow_name,
        "sent_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
