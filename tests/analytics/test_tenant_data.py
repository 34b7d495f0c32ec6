from __future__ import annotations

import pytest

from analytics import retention
from analytics.models import HourlyRollup, WebhookCall
from analytics.tenant_data import owner
from integrations.ids import uuid7
from tests.analytics.calls import call, record, spread

TENANT, OTHER = uuid7(), uuid7()


@pytest.fixture
def rows(db: None) -> None:
    webhook = uuid7()
    record(spread(10, tenant_id=TENANT, target_id=webhook, days=5))
    record([call(tenant_id=TENANT), call(tenant_id=OTHER)])


@pytest.mark.usefixtures("rows")
def test_counts_rows_by_table() -> None:
    assert owner.count(TENANT) == {"analytics_webhookcall": 11, "analytics_hourlyrollup": 11}
    assert owner.count(OTHER) == {"analytics_webhookcall": 1, "analytics_hourlyrollup": 1}
    assert owner.count(None) == {"analytics_webhookcall": 12, "analytics_hourlyrollup": 12}


@pytest.mark.usefixtures("rows")
def test_deletes_one_tenants_rows_and_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 4)
    assert owner.delete(TENANT) == {"analytics_webhookcall": 11, "analytics_hourlyrollup": 11}
    assert owner.count(TENANT) == {"analytics_webhookcall": 0, "analytics_hourlyrollup": 0}
    assert owner.count(OTHER) == {"analytics_webhookcall": 1, "analytics_hourlyrollup": 1}
    assert owner.delete(TENANT) == {"analytics_webhookcall": 0, "analytics_hourlyrollup": 0}


@pytest.mark.usefixtures("rows")
def test_deletes_everybodys_rows_when_no_tenant_is_named() -> None:
    assert owner.delete(None) == {"analytics_webhookcall": 12, "analytics_hourlyrollup": 12}
    assert (WebhookCall.objects.count(), HourlyRollup.objects.count()) == (0, 0)


@pytest.mark.usefixtures("rows")
def test_stopping_leaves_the_rows_to_the_sweep() -> None:
    owner.stop(TENANT)
    assert owner.count(TENANT) == {"analytics_webhookcall": 11, "analytics_hourlyrollup": 11}
