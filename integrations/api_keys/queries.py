"""Reads of keys and of their usage. Callers open the tenant's scope, or read as the owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from integrations.api_keys.models import APIKey, APIKeyUsage
from integrations.errors import InvalidInputError, NotFoundError
from integrations.models.tenant import Tenant

DEFAULT_USAGE_SPAN: Final = timedelta(hours=24)
LONGEST_USAGE_SPAN: Final = timedelta(days=90)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HourOfUse:
    """The requests of one hour (UTC), and those among them that were answered with a status of 400 or above."""

    hour: datetime
    requests: int
    errors: int


@dataclass(frozen=True, slots=True)
class Usage:
    """From `start` (included) to `end` (excluded), whole hours. Hours without a request are left out of `hours`."""

    start: datetime
    end: datetime
    hours: list[HourOfUse]

    @property
    def requests(self) -> int:
        return sum(hour.requests for hour in self.hours)

    @property
    def errors(self) -> int:
        return sum(hour.errors for hour in self.hours)


def keys_of(tenant_id: UUID) -> QuerySet[APIKey]:
    """Return a tenant's keys, ended ones too, the newest first."""
    return APIKey.objects.filter(tenant_id=tenant_id)


def get_key(tenant: Tenant, key_id: UUID) -> APIKey:
    """Return a key of the tenant. Raises NotFoundError."""
    found = keys_of(tenant.id).filter(id=key_id).first()
    if found is None:
        raise NotFoundError("There is no such API key.")
    return found


def usage_of(key: APIKey, *, now: datetime, start: datetime | None = None, end: datetime | None = None) -> Usage:
    """Return a key's use in the hours that a period touches: the last 24 hours unless it is given.

    Counts of the last minute may still be in the memory of web processes. Raises InvalidInputError for a period that is
    empty, reversed or longer than 90 days, which is as long as counts are kept.
    """
    until = end or now
    since = start or until - DEFAULT_USAGE_SPAN
    if since >= until:
        raise InvalidInputError({"to": ["Must be later than `from`."]} if end else {"from": ["Must lie in the past."]})
    if until - since > LONGEST_USAGE_SPAN:
        raise InvalidInputError({"from": [f"A period has at most {LONGEST_USAGE_SPAN.days} days: begin later."]})
    first, last = _hour_of(since), _hour_of(until)
    bound = last if last == until else last + _HOUR
    rows = APIKeyUsage.objects.filter(
        tenant_id=key.tenant_id, api_key_id=key.id, hour__gte=first, hour__lt=bound
    ).order_by("hour")
    return Usage(first, bound, [HourOfUse(*row) for row in rows.values_list("hour", "requests", "errors")])


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
