"""Make, change and delete the rules for what is hidden in a tenant's payloads.

Every function reads the row under a lock, counts up `version` and writes an activity entry; a change that changes
nothing writes nothing. Raises InvalidInputError with the reasons by field, NotFoundError, ConflictError for an event
type that has a rule, and PreconditionFailedError when the version that the caller knows is no longer the stored one.
A rule hides at once, what was accepted before it included; `webhooks.services.redacting` takes out what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionFailedError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.models import NOTHING_MARKED, RedactionRule
from webhooks.redaction import path_problems
from webhooks.validation import event_type_problems

MAX_RULES: Final = 100


class RedactionRuleFields(TypedDict, total=False):
    """What can be given when a rule is made or changed; what is left out stays as it is."""

    event_type: str
    paths: list[str]


def create_redaction_rule(*, actor: Actor, tenant: Tenant, event_type: str, paths: list[str]) -> RedactionRule:
    """Hide these paths of events of that type. A tenant has at most 100 rules."""
    given = _checked({"event_type": event_type, "paths": paths})
    with tenant_scope(tenant):
        if not Tenant.objects.existing().filter(id=tenant.id).exists():
            raise NotFoundError("The tenant does not exist any more.")
        if RedactionRule.objects.filter(tenant_id=tenant.id).count() >= MAX_RULES:
            raise ConflictError(f"A tenant has at most {MAX_RULES} redaction rules: put more paths into one.")
        rule = RedactionRule(tenant=tenant, created_by_name=actor.name, **given)
        _save(rule, is_new=True)
        _record(actor, "redaction_rule.created", rule, sorted(given))
    return rule


def update_redaction_rule(
    *,
    actor: Actor,
    tenant: Tenant,
    rule_id: UUID,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
) -> RedactionRule:
    """Change the given fields only. What is redacted already stays so; what was accepted before is looked at again."""
    given = _checked(changes)
    with tenant_scope(tenant):
        rule = _locked(tenant, rule_id, expected_version)
        changed = sorted(name for name, value in given.items() if getattr(rule, name) != value)
        if not changed:
            return rule
        for name in changed:
            setattr(rule, name, given[name])
        rule.version += 1
        rule.changed_at = timezone.now()
        rule.marked_up_to = NOTHING_MARKED
        _save(rule)
        _record(actor, "redaction_rule.updated", rule, changed)
    return rule


def delete_redaction_rule(*, actor: Actor, tenant: Tenant, rule_id: UUID, expected_version: int | None = None) -> None:
    """Hide these paths no more. What was taken out of stored payloads does not come back."""
    with tenant_scope(tenant):
        rule = _locked(tenant, rule_id, expected_version)
        _record(actor, "redaction_rule.deleted", rule, [])
        rule.delete()


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(fields)
    errors: dict[str, list[str]] = {}
    if "event_type" in given and (problems := event_type_problems([given["event_type"]])):
        errors["event_type"] = problems
    if "paths" in given:
        given["paths"] = list(dict.fromkeys(given["paths"]))
        if problems := path_problems(given["paths"]):
            errors["paths"] = problems
    if errors:
        raise InvalidInputError(errors)
    return given


def _locked(tenant: Tenant, rule_id: UUID, expected_version: int | None) -> RedactionRule:
    rows = RedactionRule.objects.select_for_update(no_key=True).filter(tenant_id=tenant.id, id=rule_id)
    rule = rows.order_by("id").first()  # the model's own order would lock the tenant, too
    if rule is None:
        raise NotFoundError("This tenant has no such redaction rule.")
    if expected_version is not None and rule.version != expected_version:
        raise PreconditionFailedError("Somebody changed the rule in the meantime: load it again.")
    return rule


def _save(rule: RedactionRule, *, is_new: bool = False) -> None:
    try:
        with transaction.atomic():
            rule.save(force_insert=is_new)
    except IntegrityError as error:
        if "redaction_rule_unique" not in str(error):
            raise
        raise ConflictError(f"There is a rule for {rule.event_type} already: add the paths to it.") from error


def _record(actor: Actor, verb: str, rule: RedactionRule, changed: list[str]) -> None:
    record_activity(actor=actor, verb=verb, target=rule, tenant_id=rule.tenant_id, changed_fields=changed)
