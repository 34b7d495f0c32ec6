"""The evaluation of all rules, every half minute.

Each rule is one short transaction that holds the rule's lock from before it looks until its alerts and notices are
written: whoever evaluates beside it passes the rule by. The platform's rules run as the owner and look at all tenants
at once; a tenant's run in its scope, where there are no rows of others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from analytics.alerts.models import Alert, AlertRule
from analytics.alerts.ownership import owned_by, owner_scope
from analytics.alerts.rule_kinds.registry import get_rule_kind
from analytics.alerts.services.applying import apply_findings, end_alerts
from analytics.alerts.services.default_rules import ensure_default_rules

logger = structlog.get_logger(__name__)

STATEMENT_TIMEOUT_MS: Final = 10_000
MOST_ENDED_AT_ONCE: Final = 1_000
_ENDED: Final = "Nobody watches this any more: the rule was switched off or deleted."


@dataclass(slots=True)
class Evaluation:
    """What one run did."""

    rules: int = 0
    passed_by: int = 0
    failed: int = 0
    notices: int = 0


def evaluate_alerts(*, now: datetime | None = None) -> Evaluation:
    """Evaluate every enabled rule once. Idempotent, and may run beside itself.

    A rule that fails stops no other: its error is logged and kept with it, and its alerts stay as they are.
    """
    done = Evaluation()
    moment = now or timezone.now()
    ensure_default_rules()
    done.notices += end_unwatched(now=moment)
    # The platform's first (its tenant is null), then tenant by tenant.
    rules = _watching().order_by(F("tenant_id").asc(nulls_first=True), "id").values_list("id", "tenant_id")
    for rule_id, tenant_id in list(rules):
        _evaluate(rule_id, tenant_id, moment, done)
    return done


def end_unwatched(*, now: datetime) -> int:
    """End open alerts whose rule was deleted or switched off, or whose rule's tenant is gone or inactive."""
    watching = _watching().filter(id=OuterRef("rule_id"))
    total = 0
    while True:
        with transaction.atomic():
            unwatched = Alert.objects.filter(~Exists(watching), recovered_at=None)
            batch = list(
                unwatched.select_for_update(skip_locked=True, of=("self",)).order_by("id")[:MOST_ENDED_AT_ONCE]
            )
            total += end_alerts(batch, reason=_ENDED, now=now)
        if len(batch) < MOST_ENDED_AT_ONCE:
            return total


def _watching() -> QuerySet[AlertRule]:
    of_somebody = Q(tenant_id=None) | Q(tenant__is_active=True, tenant__deleted_at=None)
    return AlertRule.objects.filter(of_somebody, enabled=True)


def _evaluate(rule_id: UUID, tenant_id: UUID | None, now: datetime, done: Evaluation) -> None:
    done.rules += 1
    try:
        with owner_scope(tenant_id):
            _bound_statements()
            locked = AlertRule.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
            rule = owned_by(locked, tenant_id).filter(id=rule_id, enabled=True).first()
            if rule is None:
                done.passed_by += 1
                return
            kind = get_rule_kind(rule.kind)
            parameters = kind.defaults() | rule.parameters
            findings = kind.evaluate(parameters=parameters, tenant_id=tenant_id, now=now)
            if findings is not None:
                done.notices += apply_findings(rule, findings, now=now)
            if rule.last_error:
                AlertRule.objects.filter(id=rule_id).update(last_error="")
    except Exception as error:
        done.failed += 1
        logger.exception("alert_rule_failed", rule_id=str(rule_id), tenant_id=str(tenant_id or ""))
        _note_failure(rule_id, tenant_id, error)


def _bound_statements() -> None:
    """Let no query of this transaction run for longer than a rule may take."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_TIMEOUT_MS)])


def _note_failure(rule_id: UUID, tenant_id: UUID | None, error: Exception) -> None:
    """Keep the error's kind with the rule. Its text stays in the log: it may hold what is stored."""
    text = f"The last evaluation failed ({type(error).__name__}); see the log."
    with owner_scope(tenant_id):
        AlertRule.objects.filter(id=rule_id).exclude(last_error=text).update(last_error=text)
