"""What rollups hold, and what they should hold: the calls added up anew, row by row, in Python."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from analytics.histogram import histogram_of
from analytics.models import ALL_TARGETS, HourlyRollup, MinuteRollup, Rollup, WebhookCall
from analytics.outcomes import OutcomeClass, outcome_class
from analytics.recording import COUNTED

Key = tuple[UUID, UUID, datetime]
MODELS: tuple[type[Rollup], ...] = (HourlyRollup, MinuteRollup)


def stored_sums(model: type[Rollup]) -> dict[Key, dict[str, Any]]:
    names = ("tenant_id", "target_id", model.span_column, *COUNTED, "histogram")
    return {
        (row.pop("tenant_id"), row.pop("target_id"), row.pop(model.span_column)): row
        for row in model._default_manager.values(*names)
    }


def sums_of_rows(model: type[Rollup]) -> dict[Key, dict[str, Any]]:
    groups: dict[Key, list[WebhookCall]] = {}
    for call in WebhookCall.objects.all():
        span = call.timestamp.astimezone(UTC).replace(second=0, microsecond=0)
        if model is HourlyRollup:
            span = span.replace(minute=0)
        for target_id in (call.target_id, ALL_TARGETS):
            groups.setdefault((call.tenant_id, target_id, span), []).append(call)
    return {key: _sum(calls) for key, calls in groups.items()}


def _sum(calls: list[WebhookCall]) -> dict[str, Any]:
    outcomes = [outcome_class(call.status_code, call.error_kind) for call in calls]
    return {
        "calls": sum(call.is_final for call in calls),
        "succeeded": sum(call.is_final and call.success for call in calls),
        "failed": sum(call.is_final and not call.success for call in calls),
        "attempts": len(calls),
        "response_time_ms_sum": sum(call.response_time_ms for call in calls),
        **{outcome.value: outcomes.count(outcome) for outcome in OutcomeClass},
        "histogram": histogram_of(call.response_time_ms for call in calls),
    }
