"""What this room needs of others, as Protocols; settings name by dotted path who fulfils them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from integrations.providers.actions import ReceiverPlace


class TenantDataOwner(Protocol):
    """The part of a room that knows its tenants' tables (`TENANT_DATA_OWNERS`).

    None instead of a tenant means every tenant: that is the reset of a whole installation, with workers stopped.
    """

    def stop(self, tenant_id: UUID) -> None:
        """Let nothing more happen for this tenant. Called in the transaction that deletes it; must be quick."""

    def in_flight(self, since: datetime) -> int:
        """Return how much may still be written, for any tenant, by what had begun before `since`; 0 is certain."""

    def count(self, tenant_id: UUID | None) -> dict[str, int]:
        """Return the number of rows in each table, the tables in the order of deletion."""

    def delete(self, tenant_id: UUID | None) -> dict[str, int]:
        """Delete the rows in batches, each in its own transaction, and return how many went from each table.

        Must be safe to repeat and to run beside itself. Leaves the tenant's own row alone; with None that goes too.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantEvent:
    """An event to publish: to whichever of the tenant's webhooks want its type."""

    type: str
    payload: Mapping[str, Any]
    triggered_by: str = ""


class MessageQueue(Protocol):
    """How messages get to the delivery engine, and what becomes of them to the tenant (`MESSAGE_QUEUE`)."""

    def accept(self, *, tenant_id: UUID, message_id: UUID, sender_id: UUID) -> None:
        """Have a message sent once the caller's transaction commits; called in the tenant's scope.

        `sender_id` names whose turn it takes: an integration, or the platform's own account at a provider.
        """

    def callback_url(self, *, tenant_id: UUID, provider: str) -> str:
        """Return the public address of an active receiver that the tenant has for this provider, "" for none."""

    def publish(self, *, tenant_id: UUID, events: Sequence[TenantEvent]) -> None:
        """Publish events within the caller's transaction. Raises NotAllowedError for an inactive tenant."""


def message_queue() -> MessageQueue:
    """Return the queue that the settings name."""
    return cast(MessageQueue, import_string(settings.MESSAGE_QUEUE))


class ReceiverDirectory(Protocol):
    """Who knows where a tenant's external systems deliver (`RECEIVER_DIRECTORY`)."""

    def active(self, tenant_id: UUID, provider: str) -> list[ReceiverPlace]:
        """Return the receivers of a provider that are switched on, by name; called inside the tenant's scope.

        Raises EncryptionError when the secret of one does not open.
        """


def receiver_directory() -> ReceiverDirectory:
    """Return what `RECEIVER_DIRECTORY` names."""
    return cast(ReceiverDirectory, import_string(settings.RECEIVER_DIRECTORY))
