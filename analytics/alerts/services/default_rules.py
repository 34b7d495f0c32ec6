"""The platform's default rules: one of each kind, which admins may change or switch off, but not delete."""

from __future__ import annotations

from analytics.alerts.models import AlertRule
from analytics.alerts.rule_kinds.registry import all_rule_kinds


def ensure_default_rules() -> int:
    """Make the default rules that are missing, and return how many; safe to repeat and beside itself.

    Their parameters are empty: they follow the kind's defaults until somebody changes them.
    """
    existing = set(AlertRule.objects.filter(is_default=True).values_list("kind", flat=True))
    missing = [kind for kind in all_rule_kinds() if kind.key not in existing]
    if missing:
        rules = [AlertRule(kind=kind.key, name=kind.label, is_default=True) for kind in missing]
        AlertRule.objects.bulk_create(rules, ignore_conflicts=True)
    return len(missing)
