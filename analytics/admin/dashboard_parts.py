"""The parts of a dashboard as their templates take them: readings with their numbers written and their links made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString

from analytics.admin.numbers import NOTHING, change, duration, percent, success_rate_badge, whole
from analytics.admin.sparkline import sparkline
from analytics.dashboard.chart_data import span_in_words
from analytics.dashboard.readings import PlatformReadings, Readings, TenantRow, WebhookRow
from analytics.dashboard.selection import Range, Selection
from analytics.figures import Figures
from analytics.models import ErrorKind, WebhookCall
from analytics.outcomes import OutcomeClass
from analytics.peaks import Peaks
from analytics.period import RANGES
from analytics.timeseries import Counts, Series
from integrations.admin.badges import active_badge, badge
from integrations.providers.registry import PROVIDERS, get_provider
from integrations.statistics import ProviderCount

MOST_BARS: Final = 10
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HEAT_LEVELS: Final = 5
_ANSWERS: Final = {
    ErrorKind.TIMEOUT: "timeout",
    ErrorKind.DNS: "DNS",
    ErrorKind.CONNECT: "no connection",
    ErrorKind.TLS: "TLS",
    ErrorKind.PROTOCOL: "no valid HTTP",
    ErrorKind.REFUSED: "not allowed",
    ErrorKind.CONFIGURATION: "not sent",
    ErrorKind.INTERRUPTED: "interrupted",
}


def ranges(selection: Selection) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "label": Range(name).label,
            "query": selection.query(range=name),
            "is_chosen": name == selection.range.name,
        }
        for name in RANGES
    ]


def cards(readings: Readings, *, failures_address: str) -> list[dict[str, Any]]:
    found = readings.series.total
    total, failed = found.calls, found.failed
    return [
        {
            "name": "total",
            "label": "Total calls",
            "value": whole(total),
            "tone": "calls",
            "note": change(total, readings.calls_before) or f"in {readings.selection.range.words}",
        },
        {
            "name": "successful",
            "label": "Successful",
            "value": whole(found.succeeded),
            "badge": success_rate_badge(found.succeeded, total),
            "tone": "good",
            "note": f"in {whole(found.attempts)} requests" if found.attempts else "",
        },
        {
            "name": "failed",
            "label": "Failed",
            "value": whole(failed),
            "tone": "bad" if failed else "",
            "note": f"{percent(failed, total)} of calls" if total else "",
            "address": failures_address if failed else "",
        },
        {
            "name": "average",
            "label": "Average response",
            "value": duration(found.average_response_time_ms),
            "note": f"over {whole(found.attempts)} requests" if found.attempts else "no requests",
        },
        {
            "name": "p95",
            "label": "p95 response",
            "value": duration(found.p95),
            "note": f"p50 {duration(found.p50)} · p99 {duration(found.p99)}" if found.attempts else "no requests",
        },
    ]


def points(series: Series) -> list[dict[str, Any]]:
    """Return the rows of the tables behind the charts over time, the newest first."""
    return [
        {
            "span": span_in_words(bucket, series.step),
            "calls": whole(bucket.figures.calls),
            "succeeded": whole(bucket.figures.succeeded),
            "failed": whole(bucket.figures.failed),
            "attempts": whole(bucket.figures.attempts),
            "average": duration(bucket.figures.average_response_time_ms),
            "p50": duration(bucket.figures.p50),
            "p95": duration(bucket.figures.p95),
            "p99": duration(bucket.figures.p99),
        }
        for bucket in reversed(series.buckets)
    ]


def named_outcomes(readings: Readings) -> list[tuple[str, Figures]]:
    """Return who has a bar in the chart of outcomes: those with most requests, of the platform its tenants."""
    if isinstance(readings, PlatformReadings):
        named = [(row.tenant.name, row.figures) for row in readings.tenants]
    else:
        chosen = readings.selection.webhook_id
        named = [(_name(row), row.figures) for row in readings.webhooks if chosen in {None, row.id}]
    called = [(name, found) for name, found in named if found is not None and found.attempts]
    return sorted(called, key=lambda each: -each[1].attempts)[:MOST_BARS]


def outcomes_table(named: Sequence[tuple[str, Figures]], *, of: str) -> dict[str, Any]:
    return {
        "of": of,
        "labels": [outcome.label for outcome in OutcomeClass],
        "rows": [(name, [whole(found.outcomes[outcome]) for outcome in OutcomeClass]) for name, found in named],
    }


def heat_map(found: Peaks, shown: Range) -> dict[str, Any]:
    most = max(cell.calls for cell in found.cells)
    busiest = max(found.cells, key=lambda cell: cell.calls)
    cells = iter(found.cells)
    return {
        "words": shown.words,
        "has_calls": most > 0,
        "hours": [{"label": f"{hour:02}", "is_labelled": hour % 4 == 0} for hour in range(24)],
        "days": [
            {
                "label": day,
                "cells": [
                    {
                        "calls": whole(cell.calls),
                        "level": -(-cell.calls * _HEAT_LEVELS // most) if most else 0,
                        "title": f"{day} {hour:02}:00 to {hour:02}:59: {whole(cell.calls)} calls, {whole(cell.failed)} failed",
                    }
                    for hour, cell in zip(range(24), cells, strict=False)
                ],
            }
            for day in _WEEKDAYS
        ],
        "levels": range(_HEAT_LEVELS + 1),
        "most": whole(most),
        "busiest": f"{_WEEKDAYS[busiest.weekday]} {busiest.hour:02}:00",
    }


def webhook_rows(
    rows: Iterable[WebhookRow], selection: Selection, names: Mapping[UUID, str] | None
) -> list[dict[str, Any]]:
    """Return the table of webhooks: on a tenant's dashboard their links narrow it, on the platform's they lead there."""
    shown = []
    for row in rows:
        query = selection.query(webhook=row.id)
        shown.append(
            {
                "id": row.id,
                "name": _name(row),
                "state": active_badge(row.webhook.is_active) if row.webhook else badge("deleted", "neutral"),
                "is_chosen": row.id == selection.webhook_id,
                "address": f"?{query}" if row.webhook else "",
                "page": reverse("admin:webhooks_webhook_change", args=[row.id]) if row.webhook else "",
                "last_called_at": row.webhook.last_called_at if row.webhook else None,
                **_figures(row.figures, row.line),
            }
        )
        if names is not None and row.webhook:
            tenant = tenant_address(row.webhook.tenant_id)
            shown[-1] |= {
                "tenant": names.get(row.webhook.tenant_id, ""),
                "tenant_address": f"{tenant}?{selection.query()}",
                "address": f"{tenant}?{query}",
            }
    return shown


def tenant_rows(rows: Iterable[TenantRow], selection: Selection) -> list[dict[str, Any]]:
    return [
        {
            "id": row.tenant.pk,
            "name": row.tenant.name,
            "address": f"{tenant_address(row.tenant.pk)}?{selection.query()}",
            "state": active_badge(row.tenant.is_active),
            **_figures(row.figures, row.line),
        }
        for row in rows
    ]


def call_rows(
    calls: Iterable[WebhookCall], selection: Selection, names: Mapping[UUID, str] | None, *, may_change: bool
) -> list[dict[str, Any]]:
    """Return the last calls, each with the way to its delivery's story, failed ones with one to send them again."""
    return [
        {
            "id": call.pk,
            "timestamp": call.timestamp,
            "webhook": call.workflow_name,
            "tenant": (names or {}).get(call.tenant_id, ""),
            "tenant_address": f"{tenant_address(call.tenant_id)}?{selection.query(webhook=call.target_id)}",
            "status": _status(call),
            "attempts": whole(call.attempt),
            "duration": duration(call.response_time_ms),
            "error": call.error_message or (ErrorKind(call.error_kind).label if call.error_kind else ""),
            "timeline_address": reverse("admin:webhooks_delivery_change", args=[call.delivery_id]),
            "resend_address": (
                reverse("admin:webhooks_delivery_retry", args=[call.delivery_id])
                if may_change and not call.success
                else ""
            ),
        }
        for call in calls
    ]


def integration_counts(counts: Sequence[ProviderCount]) -> dict[str, Any]:
    address = reverse("admin:integrations_integration_changelist")
    return {
        "total": whole(sum(each.total for each in counts)),
        "has_any": bool(counts),
        "active": whole(sum(each.active for each in counts)),
        "errors": sum(each.errors for each in counts),
        "address": address,
        "add_address": reverse("admin:integrations_integration_add"),
        "providers": [
            {
                "key": each.provider,
                "name": get_provider(each.provider).label if each.provider in PROVIDERS else each.provider,
                "address": f"{address}?provider__exact={each.provider}",
                "total": whole(each.total),
                "active": whole(each.active),
                "inactive": whole(each.inactive),
                "errors": each.errors,
            }
            for each in counts
        ],
    }


def tenant_address(tenant_id: UUID) -> str:
    return reverse("admin:tenant_dashboard", args=[tenant_id])


def failures_address(selection: Selection, **conditions: UUID | None) -> str:
    """Return the list of failed calls of the same time; an hour is shown within its day."""
    when = "24h" if selection.range.name == "1h" else selection.range.name
    wanted = {name: value for name, value in conditions.items() if value}
    query = urlencode({**wanted, "success__exact": 0, "is_final__exact": 1, "when": when})
    return f"{reverse('admin:analytics_webhookcall_changelist')}?{query}"


def _name(row: WebhookRow) -> str:
    return row.webhook.name if row.webhook else f"deleted …{str(row.id)[-6:]}"


def _figures(found: Figures | None, line: Sequence[Counts]) -> dict[str, Any]:
    total, failed = (found.calls, found.failed) if found else (0, 0)
    return {
        "calls": whole(total),
        "failed": whole(failed),
        "rate": success_rate_badge(total - failed, total),
        "sparkline": sparkline([each.calls for each in line], [each.failed for each in line]),
        "average": duration(found.average_response_time_ms if found else None),
        "p95": duration(found.p95 if found else None),
    }


def _status(call: WebhookCall) -> SafeString:
    if call.status_code is not None and call.error_kind in {"", ErrorKind.STATUS}:
        return badge(str(call.status_code), "good" if call.success else "bad")
    return badge(_ANSWERS.get(call.error_kind, NOTHING), "good" if call.success else "bad")  # type: ignore[call-overload]
