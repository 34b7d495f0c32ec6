"""What all ways in share: the options of a caller, accepting one event, and waiting for its deliveries if asked to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from integrations.errors import InvalidInputError
from integrations.models import Tenant
from webhooks.errors import IdempotencyConflict
from webhooks.models import RetrySchedule
from webhooks.services.accept import DeliveryRules, accept_events
from webhooks.services.audience import Choose
from webhooks.services.payloads import NewEvent
from webhooks.services.waiting import DEFAULT_WAIT_SECONDS, WebhookCallResult, check_wait, wait_for

MAX_RETRIES: Final = 20
MIN_TIMEOUT: Final = 1.0
MAX_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An event that was accepted. `results` by workflow name; each `success` is None unless its end was waited for.

    `is_replay` tells that all this happened earlier, under the same idempotency key.
    """

    event_id: UUID
    results: Mapping[str, WebhookCallResult]
    is_replay: bool = False

    @property
    def delivery_ids(self) -> tuple[UUID, ...]:
        """One for each webhook that the event goes to."""
        return tuple(result.delivery_id for result in self.results.values())


def send(
    *,
    tenant: Tenant,
    choose: Choose,
    event: NewEvent,
    max_retries: int | None = None,
    timeout: float | None = None,
    wait: bool = False,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
) -> Sent:
    """Accept one event for the webhooks that `choose` finds.

    By default the deliveries follow their webhooks' schedules, and nothing is waited for. With `wait` the schedule is
    `quick`, and their ends are waited for, up to `wait_seconds` (at most 60); what is not over by then goes on.
    `timeout` is one attempt's, in seconds (1 to 60); `max_retries` cuts the schedule short.

    Within 24 hours the same idempotency key with the same content gives the first answer again and stores nothing;
    with other content it raises IdempotencyConflict. While a transaction that gave the key is open, others with the
    same key wait for its end.

    Composes with the caller's transaction: rolled back with it. Raises InvalidInputError, TenantInactive and what
    `choose` raises, before anything is stored; TransactionManagementError for `wait` inside a transaction.
    """
    rules = _rules(max_retries=max_retries, timeout=timeout, is_quick=wait)
    if wait:
        check_wait(wait_seconds)
    (accepted,) = accept_events(tenant=tenant, events=[event], choose=choose, rules=rules)
    if isinstance(accepted, IdempotencyConflict):
        raise accepted
    if wait:
        ends = wait_for(tenant_id=tenant.id, delivery_ids=accepted.delivery_ids, seconds=wait_seconds)
    else:
        ends = [WebhookCallResult(delivery_id=delivery_id) for delivery_id in accepted.delivery_ids]
    return Sent(
        event_id=accepted.event_id,
        results=dict(zip(accepted.workflow_names, ends, strict=True)),
        is_replay=accepted.is_replay,
    )


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
