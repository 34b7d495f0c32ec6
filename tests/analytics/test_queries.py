from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from analytics.models import WebhookCall
from analytics.queries import calls_of_delivery, calls_of_webhook, find_webhook
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from integrations.partitioning.partitions import make_partitions
from tests.analytics.calls import NOW, KnownWebhook, call, id_at, record, spread

MINUTE = timedelta(minutes=1)


def explain(queryset: QuerySet[Any], tenant: Tenant) -> str:
    """Return the plan of a query with what it really opened, as a tenant runs it."""
    with tenant_scope(tenant):
        return queryset.explain(analyze=True, costs=False, timing=False)


def opened_partitions(plan: str) -> set[str]:
    """Return the partitions that were really scanned; their indexes are named after them."""
    return set(re.findall(r" on (analytics_webhookcall_\w+)", plan))


def scanned_from_end_to_end(plan: str) -> set[str]:
    """Return the partitions with rows that were read sequentially; for those without any that is the best plan."""
    scanned = set(re.findall(r"Seq Scan on (analytics_webhookcall_\w+)", plan))
    return scanned & {f"analytics_webhookcall_p{NOW - timedelta(days=ago):%Y%m%d}" for ago in (0, 1)}


@pytest.fixture
def many_calls(tenant: Tenant, other_tenant: Tenant) -> tuple[Tenant, Any]:
    """20,000 calls of forty webhooks of two tenants; the answer names one of the webhooks."""
    webhooks = [uuid7() for _ in range(20)]
    for whose in (tenant, other_tenant):
        for webhook in webhooks:
            target = webhook if whose is tenant else uuid7()
            record(spread(500, tenant_id=whose.id, target_id=target))
    make_partitions()  # yesterday's rows move from the default partition to their own
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_webhookcall")
    return tenant, webhooks[3]


def test_calls_of_a_webhook_are_its_own_newest_first(tenant: Tenant) -> None:
    webhook = uuid7()
    older, newer = spread(2, tenant_id=tenant.id, target_id=webhook)
    record([newer, older, call(tenant_id=tenant.id)])
    with tenant_scope(tenant):
        found = [row.id for row in calls_of_webhook(tenant_id=tenant.id, webhook_id=webhook)]
    assert found == [newer.id, older.id]


def test_calls_of_a_webhook_end_before_the_end_of_the_period(tenant: Tenant) -> None:
    webhook = uuid7()
    moments = [NOW - 2 * MINUTE, NOW - MINUTE, NOW]
    record([call(tenant_id=tenant.id, target_id=webhook, timestamp=moment) for moment in moments])
    with tenant_scope(tenant):
        found = calls_of_webhook(tenant_id=tenant.id, webhook_id=webhook, start=moments[1], end=moments[2])
        assert [row.timestamp for row in found] == [moments[1]]


def test_call_is_found_by_its_beginning_when_its_id_was_made_later(tenant: Tenant) -> None:
    """A call's id is made when it ends, up to its timeout after its beginning."""
    webhook = uuid7()
    began, ended = NOW - 2 * MINUTE, NOW - MINUTE
    record([call(tenant_id=tenant.id, target_id=webhook, timestamp=began, id=id_at(ended))])
    with tenant_scope(tenant):
        found = calls_of_webhook(tenant_id=tenant.id, webhook_id=webhook, start=began, end=began + MINUTE / 60)
        assert [row.timestamp for row in found] == [began]


def test_calls_of_a_webhook_are_read_from_an_index(many_calls: tuple[Tenant, Any]) -> None:
    tenant, webhook = many_calls
    plan = explain(calls_of_webhook(tenant_id=tenant.id, webhook_id=webhook)[:51], tenant)
    assert scanned_from_end_to_end(plan) == set()
    assert "target_id_id" in plan
    assert "->  Sort" not in plan


def test_failed_calls_of_a_webhook_are_read_from_an_index(many_calls: tuple[Tenant, Any]) -> None:
    tenant, webhook = many_calls
    plan = explain(calls_of_webhook(tenant_id=tenant.id, webhook_id=webhook).filter(success=False)[:51], tenant)
    assert scanned_from_end_to_end(plan) == set()


def test_partitions_outside_the_period_are_not_opened(many_calls: tuple[Tenant, Any]) -> None:
    tenant, webhook = many_calls
    calls = calls_of_webhook(
        tenant_id=tenant.id, webhook_id=webhook, start=NOW + timedelta(days=2), end=NOW + timedelta(days=3)
    )
    days = {f"analytics_webhookcall_p{NOW + timedelta(days=ahead):%Y%m%d}" for ahead in (2, 3)}
    opened = opened_partitions(explain(calls, tenant))
    assert opened <= days | {"analytics_webhookcall_default"}
    assert len(opened & days) >= 1


def test_calls_of_a_delivery_are_read_from_an_index_of_its_days(many_calls: tuple[Tenant, Any]) -> None:
    tenant, _ = many_calls
    delivery = WebhookCall.objects.filter(tenant_id=tenant.id).order_by("-id")[0].delivery_id
    plan = explain(calls_of_delivery(tenant_id=tenant.id, delivery_id=delivery), tenant)
    assert scanned_from_end_to_end(plan) == set()
    assert "delivery_id" in plan
    yesterday = f"analytics_webhookcall_p{NOW - timedelta(days=1):%Y%m%d}"
    assert yesterday not in opened_partitions(plan)


def test_calls_of_a_delivery_come_in_the_order_of_its_attempts(tenant: Tenant) -> None:
    delivery = uuid7()
    attempts = [call(tenant_id=tenant.id, delivery_id=delivery, attempt=number, id=uuid7()) for number in (1, 2, 3)]
    record([attempts[2], attempts[0], attempts[1], call(tenant_id=tenant.id)])
    with tenant_scope(tenant):
        assert [row.attempt for row in calls_of_delivery(tenant_id=tenant.id, delivery_id=delivery)] == [1, 2, 3]


def test_call_of_a_delivery_is_found_when_the_sending_host_is_four_minutes_behind(tenant: Tenant) -> None:
    delivery, now = uuid7(), timezone.now()
    record([call(tenant_id=tenant.id, delivery_id=delivery, id=id_at(now - 4 * MINUTE))])
    with tenant_scope(tenant):
        assert calls_of_delivery(tenant_id=tenant.id, delivery_id=delivery).count() == 1


def test_webhook_is_found_by_what_the_directory_knows(tenant: Tenant, webhook: KnownWebhook) -> None:
    for reference in (str(webhook.id), webhook.name):
        assert find_webhook(tenant_id=tenant.id, reference=reference) == webhook.id
    assert find_webhook(tenant_id=tenant.id, reference="order_changed") is None


def test_deleted_webhook_is_found_by_its_id_when_it_was_ever_called(tenant: Tenant, other_tenant: Tenant) -> None:
    webhook = uuid7()
    record([call(tenant_id=tenant.id, target_id=webhook)])
    with tenant_scope(tenant):
        assert find_webhook(tenant_id=tenant.id, reference=str(webhook)) == webhook
        assert find_webhook(tenant_id=tenant.id, reference=str(uuid4())) is None
    with tenant_scope(other_tenant):
        assert find_webhook(tenant_id=other_tenant.id, reference=str(webhook)) is None
