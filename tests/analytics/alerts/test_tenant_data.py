"""Alerts in tenant deletion and in the reset of everything."""

from __future__ import annotations

from analytics.alerts.models import Alert, AlertChannel, AlertMute, AlertNotice, AlertRule
from analytics.alerts.services.default_rules import ensure_default_rules
from analytics.alerts.services.evaluating import evaluate_alerts
from analytics.alerts.services.rules import create_rule
from analytics.alerts.services.sending import send_notices
from analytics.alerts.tenant_data import owner
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.services.tenants import delete_tenant, sweep_deleted_tenants
from tests.analytics.alerts.alert_steps import ACTOR, email_channel, make_alert, notice
from tests.analytics.alerts.watches import Webhooks, watched

TABLES = (AlertNotice, Alert, AlertMute, AlertChannel, AlertRule)


def populate(tenant: Tenant) -> None:
    create_rule(actor=ACTOR, tenant=tenant, kind="delivery_lag")
    AlertMute.objects.create(tenant=tenant, rule_id=uuid7())
    notice(email_channel(tenant), make_alert(tenant))


def test_deletes_what_is_the_tenants_and_what_the_platform_was_told_about_it(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    platforms = email_channel(None)
    for each in (tenant, other_tenant):
        populate(each)
        notice(platforms, Alert.objects.get(tenant=each))
    expected = {"alerts_alertnotice": 2} | {model._meta.db_table: 1 for model in TABLES[1:]}
    assert owner.count(tenant.id) == expected
    assert owner.delete(tenant.id) == expected
    assert owner.delete(tenant.id) == dict.fromkeys(expected, 0)
    assert owner.count(other_tenant.id) == expected
    assert AlertChannel.objects.filter(id=platforms.id).exists()


def test_reset_leaves_the_platforms_rules_and_channels(tenant: Tenant) -> None:
    ensure_default_rules()
    platforms = email_channel(None)
    populate(tenant)
    notice(platforms, make_alert(None))
    assert owner.delete(None)["alerts_alert"] == 2
    assert list(AlertChannel.objects.all()) == [platforms]
    assert not AlertRule.objects.filter(tenant__isnull=False).exists()
    assert AlertRule.objects.filter(is_default=True).exists()
    assert not AlertNotice.objects.exists()


def test_deleted_tenant_is_told_nothing_and_leaves_nothing(tenant: Tenant, webhooks: Webhooks) -> None:
    populate(tenant)
    webhooks.disabled = [watched(tenant.id)]
    delete_tenant(actor=ACTOR, tenant=tenant)
    evaluate_alerts()
    assert send_notices() == 0
    sweep_deleted_tenants()
    assert {table: rows for table, rows in owner.count(tenant.id).items() if rows} == {}
