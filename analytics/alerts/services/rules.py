"""Create, change, delete and mute rules.

`tenant` None means the platform. Every function reads the row under a lock and writes an activity entry with the names
of the changed fields; a change that changes nothing writes nothing. Raises InvalidInputError with the reasons by field,
NotFoundError and ConflictError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from analytics.alerts.models import AlertMute, AlertRule
from analytics.alerts.ownership import owner_scope
from analytics.alerts.queries import platform_rules_for_tenants, rules_of
from analytics.alerts.rule_kinds.base import RuleKind
from analytics.alerts.rule_kinds.registry import UnknownRuleKindError, all_rule_kinds, get_rule_kind
from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant

MOST_RULES: Final = 50
LONGEST_NAME: Final = 100


def create_rule(
    *,
    actor: Actor,
    tenant: Tenant | None,
    kind: str,
    name: str = "",
    parameters: Mapping[str, Any] | None = None,
    enabled: bool = True,
) -> AlertRule:
    """Make a rule; without a name it is called like its kind. An owner has at most 50 rules."""
    found = _kind(kind, for_tenant=tenant is not None)
    given = parameters or {}
    _check(found, {"name": name or found.label, "parameters": given})
    tenant_id = tenant.id if tenant else None
    with owner_scope(tenant_id):
        if tenant is not None and not Tenant.objects.existing().filter(id=tenant.id).exists():
            raise NotFoundError("The tenant does not exist any more.")
        if rules_of(tenant_id).count() >= MOST_RULES:
            raise ConflictError(f"There are {MOST_RULES} rules already, which is the most: delete one first.")
        rule = AlertRule.objects.create(
            tenant=tenant,
            kind=kind,
            name=name or found.label,
            parameters=dict(given),
            enabled=enabled,
            created_by_id=actor.user_id,
            created_by_name=actor.name,
        )
        _record(actor, rule, "created", ["kind", "name", "parameters", "enabled"])
    return rule


def update_rule(*, actor: Actor, tenant: Tenant | None, rule_id: UUID, changes: Mapping[str, Any]) -> AlertRule:
    """Change name, parameters or whether the rule is enabled; its kind stays.

    Given parameters replace the stored ones as a whole: what is left out has the kind's default again. What the rule
    found goes on under the new bounds with the next evaluation, and ends when the rule is switched off.
    """
    tenant_id = tenant.id if tenant else None
    with owner_scope(tenant_id):
        rule = _locked(tenant_id, rule_id)
        _check(get_rule_kind(rule.kind), changes)
        changed = sorted(name for name, value in changes.items() if getattr(rule, name) != value)
        if not changed:
            return rule
        for name in changed:
            setattr(rule, name, changes[name])
        rule.save(update_fields=[*changed, "updated_at"])
        _record(actor, rule, "updated", changed)
    return rule


def delete_rule(*, actor: Actor, tenant: Tenant | None, rule_id: UUID) -> None:
    """Delete a rule; its alerts stay as history, and end with the next evaluation. ConflictError for a default one."""
    tenant_id = tenant.id if tenant else None
    with owner_scope(tenant_id):
        rule = _locked(tenant_id, rule_id)
        if rule.is_default:
            raise ConflictError("A default rule cannot be deleted: switch it off instead.")
        _record(actor, rule, "deleted", [])
        rule.delete()


def mute_rule(*, actor: Actor, tenant: Tenant, rule_id: UUID, muted: bool) -> AlertRule:
    """Let a tenant no longer be told, and shown, what one of the platform's rules finds; or let it again."""
    rule = next(iter(platform_rules_for_tenants([rule_id])), None)
    if rule is None:
        raise NotFoundError("The platform has no such alert rule.")
    with tenant_scope(tenant):
        mutes = AlertMute.objects.filter(tenant_id=tenant.id, rule_id=rule_id)
        if muted == mutes.exists():
            return rule
        if muted:
            AlertMute.objects.bulk_create([AlertMute(tenant=tenant, rule_id=rule_id)], ignore_conflicts=True)
        else:
            mutes.delete()
        record_activity(
            actor=actor,
            verb="alertrule.muted" if muted else "alertrule.unmuted",
            tenant_id=tenant.id,
            object_kind="alertrule",
            object_id=rule.id,
            object_name=rule.name,
        )
    return rule


def _kind(key: str, *, for_tenant: bool) -> RuleKind:
    try:
        kind = get_rule_kind(key)
    except UnknownRuleKindError:
        kind = None
    if kind is None or (for_tenant and not kind.for_tenants):
        allowed = [kind.key for kind in all_rule_kinds() if kind.for_tenants or not for_tenant]
        raise InvalidInputError({"kind": [f"Give one of {', '.join(allowed)}."]})
    return kind


def _check(kind: RuleKind, given: Mapping[str, Any]) -> None:
    problems: dict[str, list[str]] = {}
    if "name" in given and not 1 <= len(given["name"].strip()) <= LONGEST_NAME:
        problems["name"] = [f"Give a name of 1 to {LONGEST_NAME} characters."]
    for name, reasons in kind.problems_of(given.get("parameters", {})).items():
        problems[f"parameters.{name}"] = reasons
    if problems:
        raise InvalidInputError(problems)


def _locked(tenant_id: UUID | None, rule_id: UUID) -> AlertRule:
    rule = rules_of(tenant_id).select_for_update(no_key=True, of=("self",)).filter(id=rule_id).first()
    if rule is None:
        raise NotFoundError("There is no such alert rule.")
    return rule


def _record(actor: Actor, rule: AlertRule, deed: str, fields: list[str]) -> None:
    record_activity(actor=actor, verb=f"alertrule.{deed}", target=rule, tenant_id=rule.tenant_id, changed_fields=fields)
