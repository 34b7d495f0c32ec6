"""Publishing events: to whichever webhooks want their type, one by one or many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from integrations.errors import InvalidInputError, ServiceError
from integrations.models import Tenant
from webhooks.services.accept import Accepted, accept_events
from webhooks.services.audience import subscribers
from webhooks.services.payloads import NewEvent, new_event
from webhooks.services.sending import Sent, send
from webhooks.services.waiting import DEFAULT_WAIT_SECONDS

MAX_BATCH: Final = 1_000
EVENT_FIELDS: Final = ("type", "payload", "idempotency_key", "triggered_by", "metadata")
_LONGEST_NAME_SHOWN: Final = 60
_MOST_NAMES_SHOWN: Final = 20


def publish_event(
    tenant: Tenant,
    type: str,
    payload: Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    triggered_by: str = "",
    metadata: Mapping[str, Any] | None = None,
    max_retries: int | None = None,
    timeout: float | None = None,
    wait: bool = False,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
) -> Sent:
    """Store an event and a delivery for each active webhook that wants its type (`contact.*`, `*`, or the type itself).

    Composes with the caller's own transaction, as a true outbox: rolled back with it, sent after its commit. An event
    that no webhook wants is stored all the same. The options are those of `call_webhook`; a webhook without an address
    gets a delivery that fails, on record.

    Raises InvalidInputError (the type's reasons under `type`), TenantInactive and IdempotencyConflict, before anything
    is stored, and TransactionManagementError for `wait` inside a transaction.
    """
    return send(
        tenant=tenant,
        choose=subscribers,
        event=new_event(
            payload=payload,
            event_type=type,
            triggered_by=triggered_by,
            metadata=metadata,
            idempotency_key=idempotency_key,
            needs_type=True,
        ),
        max_retries=max_retries,
        timeout=timeout,
        wait=wait,
        wait_seconds=wait_seconds,
    )


def publish_batch(tenant: Tenant, items: Sequence[object]) -> list[Accepted | ServiceError]:
    """Publish up to 1,000 events, as decoded from JSON, and return each one's answer or refusal, in their order.

    A bad item does not spoil the others. The good ones are stored together, in a handful of statements and the caller's
    transaction. Raises InvalidInputError for a batch that is empty or too large, and TenantInactive.
    """
    if not 1 <= len(items) <= MAX_BATCH:
        raise InvalidInputError({"events": [f"Give 1 to {MAX_BATCH:,} events; these are {len(items):,}."]})
    checked = [_checked_or_refused(item) for item in items]
    answers = iter(
        accept_events(
            tenant=tenant, events=[item for item in checked if isinstance(item, NewEvent)], choose=subscribers
        )
    )
    return [next(answers) if isinstance(item, NewEvent) else item for item in checked]


def event_of(item: object) -> NewEvent:
    """Check an event as decoded from JSON. Raises one InvalidInputError that names all wrong fields.

    By hand instead of by a serializer, which would take longer than all the rest of accepting an event in a batch.
    """
    if not isinstance(item, Mapping):
        raise InvalidInputError({"non_field_errors": ["Give a JSON object."]})
    errors = _field_errors(item)
    try:
        event = new_event(
            payload=item.get("payload"),
            event_type=item.get("type"),
            triggered_by=item.get("triggered_by", ""),
            metadata=item.get("metadata"),
            idempotency_key=item.get("idempotency_key"),
            needs_type=True,
        )
    except InvalidInputError as error:
        raise InvalidInputError(error.errors | errors) from None
    if errors:
        raise InvalidInputError(errors)
    return event


def _checked_or_refused(item: object) -> NewEvent | InvalidInputError:
    try:
        return event_of(item)
    except InvalidInputError as error:
        return error


def _field_errors(item: Mapping[str, Any]) -> dict[str, list[str]]:
    errors = {name: ["This field is required."] for name in ("type", "payload") if name not in item}
    if not item.keys() <= set(EVENT_FIELDS):
        unknown = [name for name in item if name not in EVENT_FIELDS][:_MOST_NAMES_SHOWN]
        reason = f"There is no such field. Allowed: {', '.join(EVENT_FIELDS)}."
        errors |= {_printable(name): [reason] for name in unknown}
    return errors


def _printable(name: str) -> str:
    """Return a caller's name as it can be answered: short, and without halves of characters."""
    return name[:_LONGEST_NAME_SHOWN].encode("utf-8", "replace").decode()
