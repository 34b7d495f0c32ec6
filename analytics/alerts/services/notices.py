"""Writing down whom an alert's opening or recovery has to be told. Sending is another matter (`sending`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from analytics.alerts.models import Alert, AlertChannel, AlertMute, AlertNotice, NoticeEvent
from integrations.models import Tenant


@dataclass(frozen=True, slots=True)
class News:
    """What has to be told."""

    alert: Alert
    event: NoticeEvent


def write_notices(news: Sequence[News], *, now: datetime) -> int:
    """Write a notice for each channel that wants to hear, and return how many; in the caller's transaction.

    What a tenant's own rule found is told in its channels; what the platform's found in the platform's, and in those
    of the tenant that it is about, unless the tenant muted the rule. The number of queries does not grow.
    """
    if not news:
        return 0
    platform = [item.alert for item in news if item.alert.of_platform]
    concerned = {item.alert.tenant_id for item in news if item.alert.tenant_id is not None}
    channels = _channels(concerned, of_platform=bool(platform))
    muted = _muted(concerned, {alert.rule_id for alert in platform}) if platform else set()
    # Only the platform is told whose the object is.
    ids = {alert.tenant_id for alert in platform if alert.tenant_id is not None}
    tenants = Tenant.objects.in_bulk(ids) if ids and None in channels else {}
    notices = [
        AlertNotice(
            tenant_id=channel.tenant_id,
            channel_id=channel.id,
            alert_id=alert.id,
            event=event,
            shown=shown(alert, tenants.get(alert.tenant_id) if owner is None and alert.tenant_id else None),
            created_at=now,
        )
        for alert, event in ((item.alert, item.event) for item in news)
        for owner in _told(alert, muted)
        for channel in channels.get(owner, [])
        if not channel.rule_kinds or alert.rule_kind in channel.rule_kinds
    ]
    AlertNotice.objects.bulk_create(notices)
    return len(notices)


def shown(alert: Alert, tenant: Tenant | None) -> dict[str, Any]:
    """Return an alert as messages show it; the platform's name the tenant."""
    about: dict[str, Any] = {
        "id": str(alert.id),
        "rule": {"id": str(alert.rule_id), "kind": alert.rule_kind, "name": alert.rule_name},
        "object": {"key": alert.object_key, "label": alert.object_label},
        "value": alert.value,
        "sentence": alert.sentence,
        "opened_at": _moment(alert.opened_at),
        "recovered_at": _moment(alert.recovered_at),
        "times_opened": alert.times_opened,
    }
    if tenant is not None:
        about["tenant"] = {"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name}
    return about


def _told(alert: Alert, muted: set[tuple[UUID, UUID]]) -> list[UUID | None]:
    if not alert.of_platform:
        return [alert.tenant_id]
    if alert.tenant_id is None or (alert.tenant_id, alert.rule_id) in muted:
        return [None]
    return [None, alert.tenant_id]


def _channels(tenant_ids: Collection[UUID], *, of_platform: bool) -> dict[UUID | None, list[AlertChannel]]:
    owners = Q(tenant_id__in=tenant_ids, tenant__deleted_at=None)
    if of_platform:
        owners |= Q(tenant_id=None)
    channels: dict[UUID | None, list[AlertChannel]] = {}
    rows = AlertChannel.objects.filter(owners, enabled=True).order_by("id").only("id", "tenant_id", "rule_kinds")
    for channel in rows:
        channels.setdefault(channel.tenant_id, []).append(channel)
    return channels


def _muted(tenant_ids: Collection[UUID], rule_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    mutes = AlertMute.objects.filter(tenant_id__in=tenant_ids, rule_id__in=rule_ids)
    return set(mutes.values_list("tenant_id", "rule_id"))


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
