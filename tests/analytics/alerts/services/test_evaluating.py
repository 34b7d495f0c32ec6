"""One run over all rules: whose they are, what one that fails does to the others, and what it costs."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.alerts.models import Alert, AlertNotice, AlertRule
from analytics.alerts.rule_kinds.registry import RULE_KINDS
from analytics.alerts.rule_kinds.webhook_disabled import WebhookDisabled
from analytics.alerts.services.channels import create_channel, update_channel
from analytics.alerts.services.evaluating import evaluate_alerts
from analytics.alerts.services.rules import create_rule, mute_rule
from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.isolation.scope import current_tenant_id
from integrations.models import Tenant
from integrations.services.tenants import create_tenant
from tests.analytics.alerts.watches import Webhooks, watched
from tests.analytics.calls import call, record
from webhooks.services.webhooks import create_webhook

ACTOR = Actor.system("test")


def channel_of(tenant: Tenant | None, **fields: Any) -> Any:
    values = {"name": "Mail", "recipients": ["ops@example.com"], **fields}
    return create_channel(actor=ACTOR, tenant=tenant, kind="email", **values)


def told(channel: Any) -> list[tuple[str, str]]:
    notices = AlertNotice.objects.filter(channel=channel).order_by("id")
    return [(notice.event, notice.shown["rule"]["kind"]) for notice in notices]


def test_default_rules_are_there_from_the_first_run_on_and_stay_as_they_were_changed(db: None) -> None:
    evaluate_alerts()
    rules = AlertRule.objects.filter(tenant=None, is_default=True, enabled=True)
    assert sorted(rules.values_list("kind", flat=True)) == sorted(RULE_KINDS)
    rules.filter(kind="delivery_lag").update(enabled=False, parameters={"seconds": 5})
    evaluate_alerts()
    assert AlertRule.objects.count() == len(RULE_KINDS)
    assert AlertRule.objects.get(enabled=False).parameters == {"seconds": 5}


def test_platforms_rule_tells_the_platform_and_the_tenant_it_is_about(
    tenant: Tenant, other_tenant: Tenant, webhooks: Webhooks
) -> None:
    platforms, own, others = channel_of(None), channel_of(tenant), channel_of(other_tenant)
    webhooks.disabled = [watched(tenant.id)]
    evaluate_alerts()
    assert told(platforms) == told(own) == [("opened", "webhook_disabled")]
    assert told(others) == []
    assert AlertNotice.objects.get(channel=platforms).shown["tenant"]["slug"] == "acme"
    assert "tenant" not in AlertNotice.objects.get(channel=own).shown


def test_muted_rule_tells_the_platform_alone(tenant: Tenant, webhooks: Webhooks) -> None:
    platforms, own = channel_of(None), channel_of(tenant)
    evaluate_alerts()
    rule = AlertRule.objects.get(kind="webhook_disabled")
    mute_rule(actor=ACTOR, tenant=tenant, rule_id=rule.id, muted=True)
    webhooks.disabled = [watched(tenant.id)]
    evaluate_alerts()
    assert (told(platforms), told(own)) == ([("opened", "webhook_disabled")], [])
    mute_rule(actor=ACTOR, tenant=tenant, rule_id=rule.id, muted=False)
    webhooks.disabled = []
    evaluate_alerts()
    assert told(own) == [("recovered", "webhook_disabled")]


def test_tenants_rule_looks_at_the_tenant_alone_and_tells_it_alone(
    tenant: Tenant, other_tenant: Tenant, webhooks: Webhooks
) -> None:
    evaluate_alerts()
    AlertRule.objects.update(enabled=False)
    rule = create_rule(actor=ACTOR, tenant=tenant, kind="webhook_disabled", name="Mine")
    platforms, own, others = channel_of(None), channel_of(tenant), channel_of(other_tenant)
    webhooks.disabled = [watched(tenant.id), watched(other_tenant.id)]
    evaluate_alerts()
    assert (told(platforms), told(own), told(others)) == ([], [("opened", "webhook_disabled")], [])
    alert = Alert.objects.get()
    assert (alert.tenant_id, alert.rule_id, alert.of_platform) == (tenant.id, rule.id, False)


def test_each_rule_runs_in_its_owners_scope(
    tenant: Tenant, other_tenant: Tenant, webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def evaluate(self: Any, *, tenant_id: Any, **_: Any) -> list[Any]:
        seen.append((tenant_id, current_tenant_id()))
        return []

    monkeypatch.setattr(WebhookDisabled, "evaluate", evaluate)
    for owner in (tenant, other_tenant):
        create_rule(actor=ACTOR, tenant=owner, kind="webhook_disabled")
    evaluate_alerts()
    assert sorted(seen, key=str) == sorted(
        [(None, None), (tenant.id, tenant.id), (other_tenant.id, other_tenant.id)], key=str
    )


def test_rule_that_fails_stops_no_other_and_changes_nothing_of_its_own(tenant: Tenant, webhooks: Webhooks) -> None:
    webhooks.disabled = [watched(tenant.id)]
    evaluate_alerts()
    webhooks.disabled, webhooks.lag = [], timedelta(hours=1)
    webhooks.error = RuntimeError("password=hunter2")
    done = evaluate_alerts()
    assert (done.failed, done.rules) == (1, len(RULE_KINDS))
    assert set(Alert.objects.filter(recovered_at=None).values_list("rule_kind", flat=True)) == {
        "webhook_disabled",
        "delivery_lag",
    }
    rule = AlertRule.objects.get(kind="webhook_disabled")
    assert rule.last_error == "The last evaluation failed (RuntimeError); see the log."
    webhooks.error = None
    evaluate_alerts()
    rule.refresh_from_db()
    assert rule.last_error == ""
    assert not Alert.objects.filter(rule_kind="webhook_disabled", recovered_at=None).exists()


def test_error_of_the_database_stops_no_other_rule(
    tenant: Tenant, webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(self: Any, **_: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return []

    monkeypatch.setattr(WebhookDisabled, "evaluate", evaluate)
    webhooks.lag = timedelta(hours=1)
    assert evaluate_alerts().failed == 1
    assert Alert.objects.get().rule_kind == "delivery_lag"


def test_unknown_value_opens_nothing_and_ends_nothing(
    tenant: Tenant, webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.disabled = [watched(tenant.id)]
    evaluate_alerts()
    monkeypatch.setattr(WebhookDisabled, "evaluate", lambda *_, **__: None)
    evaluate_alerts()
    assert Alert.objects.get().recovered_at is None


def test_changed_bounds_count_from_the_next_run_on(tenant: Tenant, webhooks: Webhooks) -> None:
    webhooks.lag = timedelta(seconds=90)
    evaluate_alerts()
    AlertRule.objects.filter(kind="delivery_lag").update(parameters={"seconds": 90})
    evaluate_alerts()
    assert Alert.objects.get().recovered_at is not None


def test_channel_is_told_its_kinds_alone_and_nothing_while_it_is_off(tenant: Tenant, webhooks: Webhooks) -> None:
    picky, off = channel_of(tenant, rule_kinds=["breaker_open"]), channel_of(tenant)
    update_channel(actor=ACTOR, tenant=tenant, channel_id=off.id, changes={"enabled": False})
    webhooks.disabled = [watched(tenant.id)]
    webhooks.breakers = [watched(tenant.id, since=timezone.now() - timedelta(hours=1))]
    evaluate_alerts()
    assert (told(picky), told(off)) == ([("opened", "breaker_open")], [])


def test_alerts_of_a_tenant_that_is_deactivated_end(tenant: Tenant, webhooks: Webhooks) -> None:
    create_rule(actor=ACTOR, tenant=tenant, kind="webhook_disabled")
    webhooks.disabled = [watched(tenant.id)]
    evaluate_alerts()
    assert Alert.objects.filter(recovered_at=None).count() == 2
    Tenant.objects.update(is_active=False)
    evaluate_alerts()
    assert Alert.objects.filter(recovered_at=None).count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_do_no_harm(webhooks: Webhooks) -> None:
    tenant = create_tenant(actor=ACTOR, name="Acme", slug="acme")
    channel = channel_of(tenant)
    evaluate_alerts()
    webhooks.disabled = [watched(tenant.id) for _ in range(50)]
    barrier, results = threading.Barrier(4), []

    def run() -> None:
        barrier.wait()
        results.append(evaluate_alerts())
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [done.failed for done in results] == [0, 0, 0, 0]
    assert (Alert.objects.count(), len(told(channel))) == (50, 50)


@pytest.mark.django_db(transaction=True)
def test_rule_that_somebody_evaluates_is_passed_by(webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate_alerts()
    entered, leave, first = threading.Event(), threading.Event(), []

    def evaluate(self: Any, **_: Any) -> list[Any]:
        entered.set()
        leave.wait(10)
        return []

    def run() -> None:
        first.append(evaluate_alerts())
        connections.close_all()

    monkeypatch.setattr(WebhookDisabled, "evaluate", evaluate)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert entered.wait(10)
        second = evaluate_alerts()
    finally:
        leave.set()
        thread.join()
    assert (first[0].passed_by, second.passed_by, second.failed) == (0, 1, 0)


def test_number_of_queries_does_not_grow_with_the_tenants(db: None) -> None:
    """Of the platform's rules; each of these tenants has a webhook that fails all the time, and a channel."""

    def add_tenants(count: int) -> None:
        for _ in range(count):
            slug = f"t-{uuid7().hex}"
            tenant = create_tenant(actor=ACTOR, name=slug, slug=slug)
            channel_of(tenant)
            webhook = create_webhook(actor=ACTOR, tenant=tenant, workflow_name="orders", url="https://example.com/x")
            fails: Any = {"target_id": webhook.id, "success": False, "timestamp": timezone.now()}
            record([call(tenant_id=tenant.id, **fails) for _ in range(20)])

    def queries_of_a_run() -> int:
        with CaptureQueriesContext(connection) as captured:
            evaluate_alerts()
        return len(captured)

    channel_of(None)
    evaluate_alerts()
    add_tenants(3)
    few = queries_of_a_run()
    assert Alert.objects.filter(recovered_at=None).count() == 3
    add_tenants(20)
    assert queries_of_a_run() <= few + 1  # the three that go on are written now, too
    assert Alert.objects.filter(recovered_at=None).count() == 23
    assert AlertNotice.objects.count() == 46
