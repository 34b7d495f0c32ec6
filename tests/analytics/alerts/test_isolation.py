"""Row-level security on rules, channels, alerts and notices: a tenant reads and writes its own, and nobody's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from django.utils import timezone

from analytics.alerts.models import Alert, AlertChannel, AlertMute, AlertNotice, AlertRule
from analytics.alerts.services.rules import create_rule
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from tests.analytics.alerts.alert_steps import ACTOR, email_channel, make_alert, notice

MAKE: dict[Any, Callable[[Tenant | None], Any]] = {
    Alert: make_alert,
    AlertChannel: email_channel,
    AlertRule: lambda tenant: create_rule(actor=ACTOR, tenant=tenant, kind="delivery_lag"),
    AlertNotice: lambda tenant: notice(email_channel(tenant), make_alert(tenant)),
}


@pytest.mark.parametrize("model", MAKE, ids=lambda model: model.__name__)
def test_tenant_sees_its_own_rows_alone(model: Any, tenant: Tenant, other_tenant: Tenant) -> None:
    mine, others, platforms = (MAKE[model](owner) for owner in (tenant, other_tenant, None))
    with tenant_scope(tenant):
        assert list(model.objects.all()) == [mine]
        assert model.objects.filter(id__in=[others.id, platforms.id]).update(tenant=tenant) == 0


def test_mutes_are_the_tenants_own(tenant: Tenant, other_tenant: Tenant) -> None:
    for owner in (tenant, other_tenant):
        AlertMute.objects.create(tenant=owner, rule_id=uuid7())
    with tenant_scope(tenant):
        assert AlertMute.objects.get().tenant_id == tenant.id


@pytest.mark.parametrize("model", MAKE, ids=lambda model: model.__name__)
def test_tenant_writes_no_row_of_another_and_none_of_the_platform(
    model: Any, tenant: Tenant, other_tenant: Tenant
) -> None:
    row = MAKE[model](tenant)
    for owner in (other_tenant.id, None):
        with pytest.raises(ProgrammingError), tenant_scope(tenant):
            model.objects.filter(id=row.id).update(tenant_id=owner)


def test_notice_points_at_no_channel_of_another(tenant: Tenant, other_tenant: Tenant) -> None:
    channel, alert = email_channel(other_tenant), make_alert(tenant)
    with pytest.raises(IntegrityError), transaction.atomic():
        with tenant_scope(tenant):
            AlertNotice.objects.create(
                tenant=tenant,
                channel_id=channel.id,
                alert_id=alert.id,
                event="opened",
                shown={},
                created_at=timezone.now(),
            )
        with transaction.get_connection().cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
