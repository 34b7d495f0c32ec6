"""What alerts need to know of other rooms, without importing them; settings name by dotted path who tells it.

A tenant's id means: of this tenant, called inside its scope. None means: of all active tenants, called as the owner;
each method is then one query, however many tenants there are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast, runtime_checkable
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class WatchedObject:
    """An object that is in some state since a moment (None: nobody knows since when)."""

    tenant_id: UUID
    id: UUID
    name: str
    since: datetime | None
    reason: str = ""
    """A short text for a person, without a full stop: why, or what it is."""


class Latency(Protocol):
    """How long requests took in a span of time."""

    @property
    def requests(self) -> int: ...

    @property
    def p95_seconds(self) -> float | None:
        """What 95 % of them did not exceed; None when there was none."""


@runtime_checkable
class WebhookWatch(Protocol):
    """What is known of webhooks and their deliveries (`ALERT_WEBHOOK_WATCH`)."""

    def names(self, tenant_id: UUID | None, ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the names of those of `ids` that exist and are active."""

    def auto_disabled(self, tenant_id: UUID | None) -> list[WatchedObject]:
        """Return the webhooks that Signalbox itself disabled, with the reason."""

    def open_breakers(self, tenant_id: UUID | None) -> list[WatchedObject]:
        """Return the active webhooks whose circuit breaker is open or half open, since when at the latest."""

    def delivery_lag(self, tenant_id: UUID | None) -> timedelta:
        """Return for how long the longest overdue delivery has waited for an engine; nothing if none waits."""


@runtime_checkable
class CredentialWatch(Protocol):
    """What is known of credentials (`ALERT_CREDENTIAL_WATCH`)."""

    def failing(self, tenant_id: UUID | None) -> list[WatchedObject]:
        """Return the enabled integrations whose last test failed or that ask for a new authorisation."""

    def expiring(self, tenant_id: UUID | None, *, now: datetime, before: datetime) -> list[WatchedObject]:
        """Return the live credentials that expire, or are due to be replaced, before then; `since` is when.

        `reason` says what happens then, such as "API key expires".
        """

    def unreadable(self, tenant_id: UUID | None) -> list[WatchedObject]:
        """Return the integrations with a secret that does not open."""


@runtime_checkable
class APILatency(Protocol):
    """How long the API takes to answer (`API_LATENCY`): a function."""

    def __call__(self, minutes: int) -> Latency | None:
        """Return it over all API requests that ended in the last `minutes`; None where nobody measures it."""


@runtime_checkable
class MessageSigning(Protocol):
    """Signatures after Standard Webhooks (`ALERT_SIGNING`)."""

    def new_secret(self) -> str:
        """Return a new secret in its written form."""

    def check(self, secret: str) -> None:
        """Raise ValueError, with a sentence, for a text that is no secret."""

    def sign(self, secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
        """Return the `webhook-signature` of a body; `timestamp` in Unix seconds."""


def unmeasured(minutes: int) -> Latency | None:
    """The default of `API_LATENCY`: nobody measures, so the rule says nothing."""
    return None


def webhook_watch() -> WebhookWatch:
    return cast(WebhookWatch, import_string(settings.ALERT_WEBHOOK_WATCH))


def credential_watch() -> CredentialWatch:
    return cast(CredentialWatch, import_string(settings.ALERT_CREDENTIAL_WATCH))


def api_latency() -> APILatency:
    return cast(APILatency, import_string(settings.API_LATENCY))


def message_signing() -> MessageSigning:
    return cast(MessageSigning, import_string(settings.ALERT_SIGNING))
