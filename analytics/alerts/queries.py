"""Reads of alerts, rules and channels. Lists are lazy: evaluate them inside the owner's scope."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet

from analytics.alerts.models import Alert, AlertChannel, AlertMute, AlertRule
from analytics.alerts.ownership import owned_by
from integrations.errors import NotFoundError
from integrations.isolation.guard import outside_scope
from integrations.isolation.scope import tenant_scope


def alerts_of_tenant(tenant_id: UUID) -> QuerySet[Alert]:
    """Return what is and was wrong with a tenant, without what it muted."""
    muted = AlertMute.objects.filter(tenant_id=tenant_id).values("rule_id")
    return Alert.objects.filter(tenant_id=tenant_id).exclude(of_platform=True, rule_id__in=muted)


def alerts_of_platform() -> QuerySet[Alert]:
    """Return what the platform's rules found, of whatever tenant."""
    return Alert.objects.filter(of_platform=True)


def rules_of(tenant_id: UUID | None) -> QuerySet[AlertRule]:
    """Return the owner's own rules."""
    return owned_by(AlertRule.objects.all(), tenant_id).order_by("id")


def platform_rules_for_tenants(ids: Collection[UUID] | None = None) -> list[AlertRule]:
    """Return the platform's enabled rules of kinds that look at tenants, all or those with these ids."""
    from analytics.alerts.rule_kinds.registry import all_rule_kinds

    kinds = [kind.key for kind in all_rule_kinds() if kind.for_tenants]
    with outside_scope("the platform's rules are no tenant's data, and a tenant may know which watch it"):
        rules = AlertRule.objects.filter(tenant_id__isnull=True, enabled=True, kind__in=kinds)
        return list((rules if ids is None else rules.filter(id__in=ids)).order_by("id"))


def muted_rules(tenant_id: UUID) -> set[UUID]:
    """Return the ids of the platform's rules that the tenant muted. Opens its scope."""
    with tenant_scope(tenant_id):
        return set(AlertMute.objects.filter(tenant_id=tenant_id).values_list("rule_id", flat=True))


def channels_of(tenant_id: UUID | None) -> QuerySet[AlertChannel]:
    """Return the owner's channels."""
    return owned_by(AlertChannel.objects.all(), tenant_id).order_by("id")


def get_channel(tenant_id: UUID | None, channel_id: UUID) -> AlertChannel:
    """Return the owner's channel; raises NotFoundError. Call it inside the owner's scope."""
    channel = channels_of(tenant_id).filter(id=channel_id).first()
    if channel is None:
        raise NotFoundError("There is no such alert channel.")
    return channel


def get_rule(tenant_id: UUID | None, rule_id: UUID) -> AlertRule:
    """Return the owner's own rule; raises NotFoundError. Call it inside the owner's scope."""
    rule = rules_of(tenant_id).filter(id=rule_id).first()
    if rule is None:
        raise NotFoundError("There is no such alert rule.")
    return rule
