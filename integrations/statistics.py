"""How many integrations there are, by what they are and how they are doing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

from django.db.models import Count, Q, QuerySet

from integrations.models import Health, Integration
from integrations.models.integration import BROKEN


class Statistics(TypedDict):
    """`active`, `inactive` and `error` make up the total. Providers without an integration are left out."""

    total: int
    active: int
    inactive: int
    error: int
    by_provider: dict[str, int]
    by_health: dict[str, int]


def statistics_of(integrations: QuerySet[Integration]) -> Statistics:
    """Count, in one query; to be called in the tenant's scope unless as the owner role."""
    groups = integrations.order_by().values_list("provider", "health", "enabled").annotate(count=Count("id"))
    return _summed(groups)


def _summed(groups: Iterable[tuple[str, str, bool, int]]) -> Statistics:
    providers: Counter[str] = Counter()
    healths: Counter[str] = Counter(dict.fromkeys(Health.values, 0))
    statuses: Counter[str] = Counter()
    for provider, health, enabled, count in groups:
        providers[provider] += count
        healths[health] += count
        statuses["inactive" if not enabled else "error" if health in BROKEN else "active"] += count
    return {
        "total": statuses.total(),
        "active": statuses["active"],
        "inactive": statuses["inactive"],
        "error": statuses["error"],
        "by_provider": dict(sorted(providers.items())),
        "by_health": dict(healths),
    }


@dataclass(frozen=True, slots=True)
class ProviderCount:
    """How many integrations of a provider there are, by their status (`Integration.status`)."""

    provider: str
    active: int
    inactive: int
    errors: int

    @property
    def total(self) -> int:
        return self.active + self.inactive + self.errors


def integrations_by_provider() -> list[ProviderCount]:
    """Count the integrations of all tenants that are not deleted, the most used provider first: as the owner role."""
    is_broken = Q(health__in=BROKEN)
    rows = (
        Integration.objects.filter(tenant__deleted_at=None)
        .order_by()
        .values("provider")
        .annotate(
            active=Count("id", filter=Q(enabled=True) & ~is_broken),
            inactive=Count("id", filter=Q(enabled=False)),
            errors=Count("id", filter=Q(enabled=True) & is_broken),
        )
    )
    return sorted((ProviderCount(**row) for row in rows), key=lambda found: (-found.total, found.provider))
