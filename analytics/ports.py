"""What this room needs to know of webhooks, without importing them: `settings.WEBHOOK_DIRECTORY` names who tells it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol, cast, runtime_checkable
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string


class WebhookReference(Protocol):
    """A webhook that exists now. Calls keep the id and name of those that do not."""

    @property
    def id(self) -> UUID: ...

    @property
    def name(self) -> str: ...


class ListedWebhook(WebhookReference, Protocol):
    """A webhook as a dashboard lists it."""

    @property
    def tenant_id(self) -> UUID: ...

    @property
    def is_active(self) -> bool: ...

    @property
    def last_called_at(self) -> datetime | None: ...


@runtime_checkable
class WebhookDirectory(Protocol):
    """Looks up a tenant's webhooks and events; called inside the tenant's scope. One query each."""

    def find(self, tenant_id: UUID, reference: str) -> WebhookReference | None:
        """Return the webhook whose id or workflow name `reference` is, whatever text it is."""

    def names(self, tenant_id: UUID, ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the workflow names of those of `ids` that exist."""

    def listed(self, tenant_id: UUID | None, *, limit: int, ids: Collection[UUID] | None = None) -> list[ListedWebhook]:
        """Return a tenant's webhooks by name, only those of `ids` if given; with `None`, as the owner, those of all."""

    def payloads(self, tenant_id: UUID, event_ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the payloads, with what is redacted hidden, of those events that still have theirs.

        A fixed number of queries, whatever the number of events.
        """


def webhook_directory() -> WebhookDirectory:
    """Return the directory that the settings name."""
    return cast(WebhookDirectory, import_string(settings.WEBHOOK_DIRECTORY))
