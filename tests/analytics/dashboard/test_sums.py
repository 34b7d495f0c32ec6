from __future__ import annotations

from datetime import timedelta

import pytest

from analytics.dashboard.sums import calls_in, counts_by, figures_by
from analytics.period import Period
from analytics.rollup_rows import rollups_in, rollups_of_webhooks, rollups_of_webhooks_of
from analytics.timeseries import Counts, lines_by, timeseries
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.analytics.calls import NOW, call, record

PERIOD = Period(NOW - timedelta(days=2), NOW + timedelta(hours=1))
ORDERS, INVOICES, FOREIGN = uuid7(), uuid7(), uuid7()


@pytest.fixture(autouse=True)
def _calls(tenant: Tenant, other_tenant: Tenant) -> None:
    earlier = NOW - timedelta(days=1)
    record(
        [
            *(call(tenant_id=tenant.id, target_id=ORDERS, response_time_ms=10) for _ in range(3)),
            call(tenant_id=tenant.id, target_id=ORDERS, success=False, status_code=500, timestamp=earlier),
            call(tenant_id=tenant.id, target_id=ORDERS, is_final=False, success=False, status_code=500),
            call(tenant_id=tenant.id, target_id=INVOICES),
            call(tenant_id=other_tenant.id, target_id=FOREIGN, success=False, status_code=None, error_kind="timeout"),
        ]
    )


def test_counts_are_those_of_each_webhook_and_of_each_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    mine = rollups_of_webhooks(PERIOD, tenant_id=tenant.id)
    assert counts_by("target_id", mine, tenant_id=tenant.id) == {ORDERS: Counts(4, 1), INVOICES: Counts(1, 0)}
    assert counts_by("tenant_id", rollups_in(PERIOD, tenant_id=None), tenant_id=None) == {
        tenant.id: Counts(5, 1),
        other_tenant.id: Counts(1, 1),
    }


def test_figures_are_those_that_were_asked_for(tenant: Tenant) -> None:
    found = rollups_of_webhooks(PERIOD, tenant_id=tenant.id)
    figures = figures_by("target_id", found, ids=[ORDERS, uuid7()], tenant_id=tenant.id)
    assert set(figures) == {ORDERS}
    assert (figures[ORDERS].calls, figures[ORDERS].failed, figures[ORDERS].attempts) == (4, 1, 5)


def test_webhooks_of_several_tenants_are_read_together(tenant: Tenant, other_tenant: Tenant) -> None:
    found = rollups_of_webhooks_of(PERIOD, tenant_ids=[tenant.id, other_tenant.id])
    assert set(counts_by("target_id", found, tenant_id=None)) == {ORDERS, INVOICES, FOREIGN}
    alone = rollups_of_webhooks_of(PERIOD, tenant_ids=[other_tenant.id])
    assert counts_by("target_id", alone, tenant_id=None) == {FOREIGN: Counts(1, 1)}


def test_lines_are_cut_as_wanted(tenant: Tenant) -> None:
    found = rollups_of_webhooks(PERIOD, tenant_id=tenant.id)
    lines = lines_by("target_id", found, ids=[ORDERS], tenant_id=tenant.id, step=timedelta(days=1))
    assert [each for each in lines[ORDERS] if each.calls] == [Counts(1, 1), Counts(3, 0)]
    assert 3 <= len(lines[ORDERS]) <= 4
    assert len(lines_by("target_id", found, ids=[ORDERS], tenant_id=tenant.id)[ORDERS]) == 50


def test_series_adds_up_to_its_total(tenant: Tenant) -> None:
    series = timeseries(tenant_id=tenant.id, period=PERIOD, step=timedelta(days=1))
    assert sum(bucket.figures.calls for bucket in series.buckets) == series.total.calls == 5
    assert (series.total.failed, series.total.attempts) == (1, 6)
    assert series.total.p50 is not None
    assert timeseries(tenant_id=tenant.id, period=PERIOD, webhook_id=uuid7()).total.p50 is None


def test_calls_before_are_counted_alone(tenant: Tenant) -> None:
    assert calls_in(PERIOD, tenant_id=tenant.id, webhook_id=None) == 5
    assert calls_in(PERIOD, tenant_id=tenant.id, webhook_id=INVOICES) == 1
    assert calls_in(PERIOD, tenant_id=None, webhook_id=None) == 6
    before = Period(PERIOD.start - timedelta(days=9), PERIOD.start - timedelta(days=8))
    assert calls_in(before, tenant_id=None, webhook_id=None) == 0
