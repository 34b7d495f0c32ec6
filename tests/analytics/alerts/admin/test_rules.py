from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from analytics.alerts.models import AlertRule
from analytics.alerts.services.default_rules import ensure_default_rules
from analytics.alerts.services.rules import create_rule
from integrations.models import Tenant, User
from tests.analytics.alerts.alert_steps import ACTOR, make_alert
from tests.config.platform_scene import client_of, staff

ADD = "/admin/alerts/alertrule/add/"


@pytest.fixture
def admin_client(platform_admin: User) -> Client:
    return client_of(platform_admin)


def change(rule: AlertRule) -> str:
    return reverse("admin:alerts_alertrule_change", args=[rule.pk])


def test_rule_is_added_in_two_steps(admin_client: Client, tenant: Tenant) -> None:
    assert b"What to watch" in admin_client.get(ADD).content
    step = f"{ADD}?kind=failure_rate&tenant={tenant.pk}"
    assert b"Failure rate of a webhook, of Acme" in admin_client.get(step).content
    body = {"name": "One in ten", "enabled": "on", "parameter_percent": "10", "parameter_window_minutes": "15"}
    assert admin_client.post(step, body).status_code == 302
    rule = AlertRule.objects.get()
    # What is the kind's default is not stored, so that the rule follows it.
    assert (rule.tenant, rule.name, rule.parameters) == (tenant, "One in ten", {"percent": 10})


def test_kind_that_tenants_cannot_have_is_refused_with_a_sentence(admin_client: Client, tenant: Tenant) -> None:
    answer = admin_client.post(f"{ADD}?kind=api_latency&tenant={tenant.pk}", {"name": "API", "enabled": "on"})
    assert b"Give one of failure_rate" in answer.content
    assert not AlertRule.objects.exists()


def test_unknown_kind_asks_again(admin_client: Client) -> None:
    assert b"Select a valid choice" in admin_client.get(f"{ADD}?kind=weather").content


def test_default_rule_is_changed_and_has_no_delete_button(admin_client: Client) -> None:
    ensure_default_rules()
    rule = AlertRule.objects.get(kind="delivery_lag")
    assert b"deletelink" not in admin_client.get(change(rule)).content
    assert admin_client.post(change(rule), {"name": rule.name, "parameter_seconds": "0"}).status_code == 200
    assert admin_client.post(change(rule), {"name": rule.name, "parameter_seconds": "30"}).status_code == 302
    rule.refresh_from_db()
    assert (rule.enabled, rule.parameters) == (False, {"seconds": 30})
    listed = admin_client.get("/admin/alerts/alertrule/").content.decode()
    assert "longer than 30 seconds" in listed


def test_rules_are_deleted_one_by_one(admin_client: Client) -> None:
    ensure_default_rules()
    own = create_rule(actor=ACTOR, tenant=None, kind="delivery_lag", name="Mine")
    assert b'name="action"' not in admin_client.get("/admin/alerts/alertrule/").content
    for rule in AlertRule.objects.all():
        admin_client.post(reverse("admin:alerts_alertrule_delete", args=[rule.pk]), {"post": "yes"})
    assert not AlertRule.objects.filter(pk=own.pk).exists()
    assert AlertRule.objects.filter(is_default=True).exists()


def test_rule_that_cannot_be_evaluated_is_seen(admin_client: Client) -> None:
    ensure_default_rules()
    AlertRule.objects.filter(kind="delivery_lag").update(last_error="The last evaluation failed (RuntimeError).")
    assert "cannot be evaluated" in admin_client.get("/admin/alerts/alertrule/").content.decode()


def test_auditor_reads_the_bounds(db: None) -> None:
    ensure_default_rules()
    rule = AlertRule.objects.get(kind="failure_rate")
    page = client_of(staff("auditor")).get(change(rule)).content.decode()
    assert "above 20 %, window 15 minutes, at least 20 calls" in page
    assert 'name="parameter_percent"' not in page


def test_rule_leads_to_its_alerts(admin_client: Client, tenant: Tenant) -> None:
    ensure_default_rules()
    rule = AlertRule.objects.get(kind="webhook_disabled")
    make_alert(tenant, rule_id=rule.id, object_label="mine")
    make_alert(tenant, object_label="others")
    address = f"/admin/alerts/alert/?rule_id={rule.id}"
    assert address in admin_client.get(change(rule)).content.decode()
    listed = admin_client.get(address).content.decode()
    assert ("mine" in listed, "others" in listed) == (True, False)
