"""Which sums answer a question about a period: by the minute where they are kept, by the hour everywhere else."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from analytics.minutes import KEPT_MINUTES_FOR
from analytics.models import ALL_TARGETS, HourlyRollup, MinuteRollup
from analytics.period import HOUR, MINUTE, Period, beginning_of
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant

# Beyond this an hour more at the edges hardly shows, and rows of minutes would be many.
LONGEST_BY_MINUTE: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupRows:
    """Rows of sums, lazy, and the period that they cover: the requested one, widened to whole units."""

    rows: QuerySet[Any]
    column: str
    """Where the beginning of a row's span is."""
    unit: timedelta
    """How long a row's span is: a minute or an hour."""
    period: Period


def rollups_in(period: Period, *, tenant_id: UUID | None, webhook_id: UUID | None = None) -> RollupRows:
    """Return one webhook's sums, or a tenant's own, which cost the same however many webhooks it has.

    Minutes for up to six hours that lie within the last 48, hours for everything else. Without a tenant the own sums
    of every tenant that is not deleted, for the owner role.
    """
    return _of_target(period, _unit_for(period), tenant_id, webhook_id)


def hourly_rollups_in(period: Period, *, tenant_id: UUID | None, webhook_id: UUID | None = None) -> RollupRows:
    """Return the same by the hour, however short the period is."""
    return _of_target(period, HOUR, tenant_id, webhook_id)


def rollups_of_webhooks(period: Period, *, tenant_id: UUID) -> RollupRows:
    """Return the sums of every webhook of a tenant, of deleted ones too, in the units of `rollups_in`."""
    return _rollups(period, _unit_for(period), tenant_id=tenant_id, target_kind="webhook")


def rollups_of_webhooks_of(period: Period, *, tenant_ids: Collection[UUID]) -> RollupRows:
    """Return the same of several tenants, for the owner role."""
    return _rollups(period, _unit_for(period), tenant_id__in=list(tenant_ids), target_kind="webhook")


def reading(tenant_id: UUID | None) -> AbstractContextManager[None]:
    """Open the tenant's scope for a read; none for all tenants, whose sums the owner role reads."""
    return nullcontext() if tenant_id is None else tenant_scope(tenant_id)


def covered_by(period: Period) -> Period:
    """Return the period that sums answer for: the whole minutes or hours that it touches."""
    return period.in_whole(_unit_for(period))


def _unit_for(period: Period) -> timedelta:
    are_kept = beginning_of(period.start, MINUTE) >= timezone.now() - KEPT_MINUTES_FOR
    return MINUTE if are_kept and period.length <= LONGEST_BY_MINUTE else HOUR


def _of_target(period: Period, unit: timedelta, tenant_id: UUID | None, webhook_id: UUID | None) -> RollupRows:
    target = {"target_id": ALL_TARGETS if webhook_id is None else webhook_id}
    if tenant_id is not None:
        return _rollups(period, unit, tenant_id=tenant_id, **target)
    # By the tenants' ids, so that the key leads to each one's rows: by time alone no index does.
    return _rollups(period, unit, tenant_id__in=Tenant.objects.filter(deleted_at=None).values("id"), **target)


def _rollups(period: Period, unit: timedelta, **conditions: Any) -> RollupRows:
    model: Any = MinuteRollup if unit == MINUTE else HourlyRollup
    covered, column = period.in_whole(unit), model.span_column
    within = {f"{column}__gte": covered.start, f"{column}__lt": covered.end}
    return RollupRows(rows=model.objects.filter(**conditions, **within), column=column, unit=unit, period=covered)
