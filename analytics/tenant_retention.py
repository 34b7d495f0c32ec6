"""How long history is kept: the site's settings, and tenants that have less."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from analytics.models import TenantRetention
from analytics.models.retention import SHORTEST_DAYS, SHORTEST_PAYLOAD_DAYS
from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import InvalidInputError
from integrations.models import Tenant


@dataclass(frozen=True, slots=True)
class EffectiveRetention:
    """What a tenant has: its own days (None: the site's) and what comes of both, in days."""

    days: int | None
    payload_days: int | None
    effective_days: int
    effective_payload_days: int


def kept_days(retention: TenantRetention | None = None, *, holds_payloads: bool) -> int:
    """Return for how many days rows, or payloads, are kept, of this tenant or of those without a word of their own.

    The shortest of what applies: a tenant never has more than the site, and payloads never outlive the rows.
    """
    given = [settings.ANALYTICS_RETENTION_DAYS, retention and retention.days]
    if holds_payloads:
        given += [settings.ANALYTICS_PAYLOAD_RETENTION_DAYS, retention and retention.payload_days]
    return min(days for days in given if days)


def tenants_with_less(tenant_id: UUID | None = None) -> list[TenantRetention]:
    """Return the retentions of tenants, or the one of this tenant, which may be the site's."""
    if tenant_id is not None:
        return [TenantRetention.objects.filter(tenant_id=tenant_id).first() or TenantRetention(tenant_id=tenant_id)]
    return list(TenantRetention.objects.exclude(Q(days=None) & Q(payload_days=None)).order_by("tenant_id"))


def retention_of(tenant: Tenant) -> EffectiveRetention:
    """Return how long this tenant's history is kept."""
    (stored,) = tenants_with_less(tenant.id)
    return EffectiveRetention(
        days=stored.days,
        payload_days=stored.payload_days,
        effective_days=kept_days(stored, holds_payloads=False),
        effective_payload_days=kept_days(stored, holds_payloads=True),
    )


def set_retention(*, actor: Actor, tenant: Tenant, days: int | None, payload_days: int | None) -> EffectiveRetention:
    """Keep a tenant's history for fewer days than the site's; None for as long as the site's.

    What is beyond it goes with the next daily purge, for ever. Raises InvalidInputError naming the field.
    """
    longest = settings.ANALYTICS_RETENTION_DAYS
    longest_payload = min(settings.ANALYTICS_PAYLOAD_RETENTION_DAYS, days or longest)
    errors: dict[str, list[str]] = {}
    if days is not None and not SHORTEST_DAYS <= days <= longest:
        errors["days"] = [f"Give {SHORTEST_DAYS} to {longest} days (the site's), or null for the site's."]
    if payload_days is not None and not SHORTEST_PAYLOAD_DAYS <= payload_days <= longest_payload:
        errors["payload_days"] = [
            f"Give {SHORTEST_PAYLOAD_DAYS} to {longest_payload} days, or null: payloads are not kept longer than rows."
        ]
    if errors:
        raise InvalidInputError(errors)
    with transaction.atomic():
        stored, is_new = TenantRetention.objects.select_for_update().get_or_create(
            tenant_id=tenant.id, defaults={"days": days, "payload_days": payload_days}
        )
        before = (None, None) if is_new else (stored.days, stored.payload_days)
        names = ("days", "payload_days")
        changed = [name for name, old, new in zip(names, before, (days, payload_days), strict=True) if old != new]
        if changed:
            stored.days, stored.payload_days = days, payload_days
            stored.save(update_fields=["days", "payload_days"])
            record_activity(
                actor=actor,
                verb="tenant.retention_updated",
                target=tenant,
                tenant_id=tenant.id,
                changed_fields=changed,
            )
    return retention_of(tenant)
