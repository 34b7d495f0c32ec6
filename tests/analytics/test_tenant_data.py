from __future__ import annotations

import pytest

from analytics import retention
from analytics.models import HourlyRollup, MinuteRollup, TenantRetention, WebhookCall
from analytics.rebuilding import note_purge
from analytics.tenant_data import owner
from integrations.ids import uuid7
from tests.analytics.calls import NOW, call, record, spread

TENANT, OTHER = uuid7(), uuid7()


def counts(*, calls: int, rollups: int) -> dict[str, int]:
    return {
        "analytics_webhookcall": calls,
        "analytics_hourlyrollup": rollups,
        "analytics_minuterollup": rollups,
        **dict.fromkeys(("analytics_tenantretention", "analytics_purgehorizon"), {0: 0, 12: 2}.get(calls, 1)),
    }


@pytest.fixture
def rows(db: None) -> None:
    webhook = uuid7()
    record(spread(10, tenant_id=TENANT, target_id=webhook, days=5))
    record([call(tenant_id=TENANT), call(tenant_id=OTHER)])
    for tenant_id in (TENANT, OTHER):
        TenantRetention.objects.create(tenant_id=tenant_id, days=30)
        note_purge(tenant_id=tenant_id, before=NOW)


@pytest.mark.usefixtures("rows")
def test_counts_rows_by_table() -> None:
    assert owner.count(TENANT) == counts(calls=11, rollups=21)
    assert owner.count(OTHER) == counts(calls=1, rollups=2)
    assert owner.count(None) == counts(calls=12, rollups=23)


@pytest.mark.usefixtures("rows")
def test_deletes_one_tenants_rows_and_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 4)
    assert owner.delete(TENANT) == counts(calls=11, rollups=21)
    assert owner.count(TENANT) == counts(calls=0, rollups=0)
    assert owner.count(OTHER) == counts(calls=1, rollups=2)
    assert owner.delete(TENANT) == counts(calls=0, rollups=0)


@pytest.mark.usefixtures("rows")
def test_deletes_everybodys_rows_when_no_tenant_is_named() -> None:
    assert owner.delete(None) == counts(calls=12, rollups=23)
    assert [model._default_manager.count() for model in (WebhookCall, HourlyRollup, MinuteRollup)] == [0, 0, 0]


@pytest.mark.usefixtures("rows")
def test_stopping_leaves_the_rows_to_the_sweep() -> None:
    owner.stop(TENANT)
    assert owner.count(TENANT) == counts(calls=11, rollups=21)
