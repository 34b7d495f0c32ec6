from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from analytics.alerts.models import AlertMute, AlertRule
from analytics.alerts.rule_kinds.registry import RULE_KINDS, all_rule_kinds
from analytics.alerts.services.default_rules import ensure_default_rules
from analytics.alerts.services.rules import MOST_RULES, create_rule
from integrations.models import ActivityLog, Tenant
from tests.analytics.alerts.alert_steps import ACTOR

PLATFORM = "/api/platform/alert-rules"


@pytest.fixture
def own(tenant: Tenant) -> str:
    return f"/api/platform/tenants/{tenant.slug}/alert-rules"


@pytest.fixture
def defaults(db: None) -> dict[str, AlertRule]:
    ensure_default_rules()
    return {rule.kind: rule for rule in AlertRule.objects.all()}


def test_rule_is_made_shown_changed_and_deleted(api: APIClient, own: str) -> None:
    made = api.post(own, {"kind": "failure_rate", "parameters": {"percent": 5}})
    assert made.status_code == 201, made.content
    one = f"{own}/{made.json()['id']}"
    shown = api.get(one).json()
    assert shown == made.json() == api.get(own).json()[0]
    assert (shown["scope"], shown["name"]) == ("tenant", "Failure rate of a webhook")
    assert shown["parameters"] == {"percent": 5, "window_minutes": 15, "min_calls": 20}
    changed = api.patch(one, {"name": "Mine", "parameters": {"min_calls": 1}, "enabled": False}).json()
    assert changed["parameters"] == {"percent": 20, "window_minutes": 15, "min_calls": 1}
    assert (changed["name"], changed["enabled"]) == ("Mine", False)
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404
    verbs = ActivityLog.objects.filter(object_kind="alertrule").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["alertrule.created", "alertrule.updated", "alertrule.deleted"]


def test_tenant_sees_the_platforms_rules_that_look_at_it(
    api: APIClient, own: str, tenant: Tenant, other_tenant: Tenant, defaults: dict[str, AlertRule]
) -> None:
    mine = create_rule(actor=ACTOR, tenant=tenant, kind="delivery_lag")
    create_rule(actor=ACTOR, tenant=other_tenant, kind="delivery_lag")
    AlertRule.objects.filter(kind="breaker_open").update(enabled=False)
    listed = api.get(own).json()
    assert listed[0]["id"] == str(mine.id)
    watching = [kind.key for kind in all_rule_kinds() if kind.for_tenants and kind.key != "breaker_open"]
    assert [(row["scope"], row["kind"]) for row in listed[1:]] == [("platform", kind) for kind in watching]
    assert [row["kind"] for row in api.get(PLATFORM).json()] == list(RULE_KINDS)


def test_tenant_mutes_a_rule_of_the_platform_and_changes_nothing_else_of_it(
    api: APIClient, own: str, tenant: Tenant, defaults: dict[str, AlertRule]
) -> None:
    one = f"{own}/{defaults['failure_rate'].id}"
    assert api.patch(one, {"muted": True}).json()["muted"] is True
    assert api.patch(one, {"muted": True}).json()["muted"] is True
    assert AlertMute.objects.get().tenant_id == tenant.id
    assert api.get(one).json()["muted"] is True
    refused = api.patch(one, {"enabled": False, "muted": False})
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["enabled"])
    assert api.delete(one).status_code == 404
    assert api.patch(one, {"muted": False}).json()["muted"] is False
    assert not AlertMute.objects.exists()
    assert AlertRule.objects.get(kind="failure_rate").enabled
    verbs = list(ActivityLog.objects.order_by("id").values_list("verb", flat=True))[-2:]
    assert verbs == ["alertrule.muted", "alertrule.unmuted"]


def test_rule_that_looks_at_no_tenant_is_none_of_its_business(
    api: APIClient, own: str, defaults: dict[str, AlertRule]
) -> None:
    one = f"{own}/{defaults['default_partition'].id}"
    assert api.get(one).status_code == 404
    assert api.patch(one, {"muted": True}).status_code == 404


def test_own_rule_is_switched_off_and_not_muted(api: APIClient, own: str, tenant: Tenant) -> None:
    rule = create_rule(actor=ACTOR, tenant=tenant, kind="delivery_lag")
    answer = api.patch(f"{own}/{rule.id}", {"muted": True})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["muted"])


def test_default_rule_is_changed_and_not_deleted(api: APIClient, defaults: dict[str, AlertRule]) -> None:
    one = f"{PLATFORM}/{defaults['delivery_lag'].id}"
    assert api.patch(one, {"enabled": False, "parameters": {"seconds": 5}}).status_code == 200
    assert api.delete(one).status_code == 409
    assert api.patch(one, {"muted": True}).status_code == 422


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "kind"),
        ({"kind": "weather"}, "kind"),
        ({"kind": "api_latency"}, "kind"),
        ({"kind": "failure_rate", "parameters": {"percent": 100}}, "parameters.percent"),
        ({"kind": "failure_rate", "parameters": {"percent": "many"}}, "parameters.percent"),
        ({"kind": "failure_rate", "parameters": {"speed": 1}}, "parameters.speed"),
        ({"kind": "failure_rate", "parameters": []}, "parameters"),
        ({"kind": "failure_rate", "parameters": None}, "parameters"),
        ({"kind": "delivery_lag", "name": " "}, "name"),
        ({"kind": "delivery_lag", "name": "x" * 101}, "name"),
        ({"kind": "delivery_lag", "enabled": "perhaps"}, "enabled"),
        ({"kind": "delivery_lag", "is_default": True}, "is_default"),
    ],
)
def test_bad_input_is_named(body: dict[str, Any], named: str, api: APIClient, own: str) -> None:
    answer = api.post(own, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [named]), answer.content
    assert not AlertRule.objects.exists()


def test_one_more_than_the_most_is_refused(api: APIClient, own: str, tenant: Tenant) -> None:
    AlertRule.objects.bulk_create(AlertRule(tenant=tenant, kind="delivery_lag", name="x") for _ in range(MOST_RULES))
    assert api.post(own, {"kind": "delivery_lag"}).status_code == 409
