"""What an evaluation means for a rule's alerts: which open, which go on, which recover, and what is told of it.

No storms: of one rule and object an opening is told at most once an hour, and its recovery once. What opens again
within the hour is counted, and told when the hour is over, if it is open then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from analytics.alerts.models import Alert, AlertRule, NoticeEvent
from analytics.alerts.rule_kinds.base import Finding
from analytics.alerts.services.notices import News, write_notices
from integrations.models import Tenant

QUIET: Final = timedelta(hours=1)
"""An opening of the same rule and object is told once in so long, and what comes back in it goes on in its row."""

_LONGEST_SENTENCE: Final = 500
_UPDATE: Final = """
    UPDATE alerts_alert AS alert
    SET object_label = new.label, value = new.value, sentence = new.sentence, opened_at = new.opened_at,
        last_seen_at = new.last_seen_at, recovered_at = new.recovered_at, times_opened = new.times_opened,
        is_told = new.is_told, told_at = new.told_at, openings_untold = new.openings_untold, rule_name = new.rule_name
    FROM unnest(%s::uuid[], %s::text[], %s::float8[], %s::text[], %s::timestamptz[], %s::timestamptz[],
        %s::timestamptz[], %s::int[], %s::bool[], %s::timestamptz[], %s::int[], %s::text[])
        AS new (id, label, value, sentence, opened_at, last_seen_at, recovered_at, times_opened, is_told, told_at,
            openings_untold, rule_name)
    WHERE alert.id = new.id
"""
_UPDATED: Final = (
    *("id", "object_label", "value", "sentence", "opened_at", "last_seen_at", "recovered_at", "times_opened"),
    *("is_told", "told_at", "openings_untold", "rule_name"),
)


def apply_findings(rule: AlertRule, findings: Sequence[Finding], *, now: datetime) -> int:
    """Open, continue and end the rule's alerts, write the notices, and return how many; the caller holds the rule's lock.

    In the caller's transaction and scope. The number of queries does not grow with the findings.
    """
    # Of a tenant that is being deleted, or was deactivated meanwhile, nothing is wrong.
    watched = _watched(findings)
    found = {finding.key: finding for finding in findings if finding.tenant_id in watched}
    known = _known(rule, now)
    new: list[Alert] = []
    touched: list[Alert] = []
    news: list[News] = []
    for key, finding in found.items():
        alert = known.get(key)
        if alert is None:
            alert = _opened(rule, finding, now)
            new.append(alert)
        else:
            _continue(alert, finding, rule, now)
            touched.append(alert)
        if not alert.is_told and (alert.told_at is None or now - alert.told_at >= QUIET):
            news.append(_told_now(alert, now))
    for key, alert in known.items():
        if key not in found and alert.recovered_at is None:
            touched.append(alert)
            news += recover(alert, now)
    Alert.objects.bulk_create(new)
    _store(touched)
    return write_notices(news, now=now)


def end_alerts(alerts: Sequence[Alert], *, reason: str, now: datetime) -> int:
    """End alerts whose rule watches no more, and return how many notices that gave; they are locked by the caller."""
    news: list[News] = []
    for alert in alerts:
        alert.sentence = reason
        news += recover(alert, now)
    _store(alerts)
    return write_notices(news, now=now)


def recover(alert: Alert, now: datetime) -> list[News]:
    """End an alert (unsaved), and return what has to be told: nothing where its opening was not."""
    alert.recovered_at = now
    if not alert.is_told:
        return []
    alert.is_told = False
    return [News(alert, NoticeEvent.RECOVERED)]


def _watched(findings: Iterable[Finding]) -> set[UUID | None]:
    ids = {finding.tenant_id for finding in findings if finding.tenant_id is not None}
    active = Tenant.objects.existing().filter(id__in=ids, is_active=True) if ids else Tenant.objects.none()
    return {None, *active.values_list("id", flat=True)}


def _known(rule: AlertRule, now: datetime) -> dict[str, Alert]:
    """Return the rule's alerts that are open, or recovered so lately that they would go on, by object."""
    recent = Q(recovered_at=None) | Q(recovered_at__gt=now - QUIET)
    alerts = Alert.objects.filter(recent, rule_id=rule.id).order_by("id")
    known: dict[str, Alert] = {}
    for alert in alerts:
        before = known.get(alert.object_key)
        if before is None or before.recovered_at is not None:
            known[alert.object_key] = alert
    return known


def _opened(rule: AlertRule, finding: Finding, now: datetime) -> Alert:
    return Alert(
        tenant_id=finding.tenant_id,
        rule_id=rule.id,
        rule_kind=rule.kind,
        rule_name=rule.name,
        of_platform=rule.tenant_id is None,
        object_key=finding.key[:200],
        object_label=finding.label[:200],
        value=finding.value,
        sentence=finding.sentence[:_LONGEST_SENTENCE],
        opened_at=now,
        last_seen_at=now,
        openings_untold=1,
    )


def _continue(alert: Alert, finding: Finding, rule: AlertRule, now: datetime) -> None:
    if alert.recovered_at is not None:
        alert.recovered_at = None
        alert.opened_at = now
        alert.times_opened += 1
        alert.openings_untold += 1
    alert.rule_name = rule.name
    alert.object_label = finding.label[:200]
    alert.value = finding.value
    alert.sentence = finding.sentence[:_LONGEST_SENTENCE]
    alert.last_seen_at = now


def _told_now(alert: Alert, now: datetime) -> News:
    if alert.openings_untold > 1:
        flapping = f" It has opened {alert.openings_untold} times since that was last told."
        alert.sentence = alert.sentence[: _LONGEST_SENTENCE - len(flapping)] + flapping
    alert.is_told = True
    alert.told_at = now
    alert.openings_untold = 0
    return News(alert, NoticeEvent.OPENED)


def _store(alerts: Sequence[Alert]) -> None:
    """Write alerts that exist, in one statement."""
    if not alerts:
        return
    columns = [[getattr(alert, name) for alert in alerts] for name in _UPDATED]
    columns[0] = [str(alert.id) for alert in alerts]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, columns)
