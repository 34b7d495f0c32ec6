"""Sending one payload to all of a tenant's webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.models import Tenant
from webhooks.services.audience import everyone
from webhooks.services.payloads import new_event
from webhooks.services.sending import send
from webhooks.services.waiting import DEFAULT_WAIT_SECONDS, WebhookCallResult


def call_all_tenant_webhooks(
    tenant: Tenant,
    payload: Mapping[str, Any],
    *,
    triggered_by: str = "",
    metadata: Mapping[str, Any] | None = None,
    max_retries: int | None = None,
    timeout: float | None = None,
    idempotency_key: str | None = None,
    wait: bool = False,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
) -> dict[str, WebhookCallResult]:
    """Send `payload` to every active webhook of the tenant, whatever its event types; results by workflow name.

    The options are those of `call_webhook`. A webhook without an address is called, too: its delivery fails, on
    record, and does not keep the others from theirs.

    Raises InvalidInputError, TenantInactive and IdempotencyConflict, before anything is stored, and
    TransactionManagementError for `wait` inside a transaction.
    """
    sent = send(
        tenant=tenant,
        choose=everyone,
        event=new_event(payload=payload, triggered_by=triggered_by, metadata=metadata, idempotency_key=idempotency_key),
        max_retries=max_retries,
        timeout=timeout,
        wait=wait,
        wait_seconds=wait_seconds,
    )
    return dict(sent.results)
