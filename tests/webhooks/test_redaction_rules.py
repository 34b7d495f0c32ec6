"""Rules: made, changed, deleted, refused; and what of payloads they hide wherever those are shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from analytics.ports import webhook_directory
from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionFailedError
from integrations.isolation.scope import tenant_scope
from integrations.models import ActivityLog, Tenant, User
from integrations.services.tenants import create_tenant
from tests.webhooks.delivery_steps import failed
from webhooks.models import RedactionRule, Webhook
from webhooks.services.redaction_rules import create_redaction_rule, delete_redaction_rule, update_redaction_rule

pytestmark = pytest.mark.django_db
BASE = "/api/platform/tenants/acme/redaction-rules"
PAYLOAD = '{"customer":{"email":"ada@example.com"},"total":7}'
SHOWN = {"customer": {"email": "***"}, "total": 7}


@pytest.fixture
def admin_client(platform_admin: User) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client


def make_rule(tenant: Tenant, actor: Actor, event_type: str = "order.*", *paths: str) -> RedactionRule:
    return create_redaction_rule(
        actor=actor, tenant=tenant, event_type=event_type, paths=list(paths or ("$.customer.email",))
    )


def deeds(rule_id: Any) -> list[tuple[str, list[str]]]:
    entries = ActivityLog.objects.filter(object_id=rule_id).order_by("id")
    return [(entry.verb, entry.changed_fields) for entry in entries]


def test_is_made_changed_and_deleted(tenant: Tenant, admin_actor: Actor) -> None:
    rule = make_rule(tenant, admin_actor, "order.*", "$.a", "$.a", "$.b")
    assert rule.paths == ["$.a", "$.b"]
    changed = update_redaction_rule(
        actor=admin_actor, tenant=tenant, rule_id=rule.id, changes={"paths": ["$.c"]}, expected_version=1
    )
    assert (changed.version, changed.paths, changed.event_type) == (2, ["$.c"], "order.*")
    same = update_redaction_rule(actor=admin_actor, tenant=tenant, rule_id=rule.id, changes={"paths": ["$.c"]})
    assert same.version == 2
    with pytest.raises(PreconditionFailedError):
        delete_redaction_rule(actor=admin_actor, tenant=tenant, rule_id=rule.id, expected_version=1)
    assert RedactionRule.objects.filter(id=rule.id).exists()
    delete_redaction_rule(actor=admin_actor, tenant=tenant, rule_id=rule.id, expected_version=2)
    assert deeds(rule.id) == [
        ("redaction_rule.created", ["event_type", "paths"]),
        ("redaction_rule.updated", ["paths"]),
        ("redaction_rule.deleted", []),
    ]


def test_one_rule_for_each_type(tenant: Tenant, admin_actor: Actor) -> None:
    make_rule(tenant, admin_actor, "order.*")
    other = make_rule(tenant, admin_actor, "order.paid")
    with pytest.raises(ConflictError, match="There is a rule for order"):
        make_rule(tenant, admin_actor, "order.*", "$.other")
    with pytest.raises(ConflictError, match="There is a rule for order"):
        update_redaction_rule(actor=admin_actor, tenant=tenant, rule_id=other.id, changes={"event_type": "order.*"})
    assert list(RedactionRule.objects.values_list("event_type", "paths", "version")) == [
        ("order.*", ["$.customer.email"], 1),
        ("order.paid", ["$.customer.email"], 1),
    ]


def test_refuses_types_and_paths_that_make_no_sense(tenant: Tenant, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make_rule(tenant, admin_actor, "Order Paid", "email")
    assert sorted(refused.value.errors) == ["event_type", "paths"]
    assert not RedactionRule.objects.exists()


def test_rules_of_other_tenants_are_not_there(tenant: Tenant, admin_actor: Actor) -> None:
    other = create_tenant(actor=admin_actor, name="Other", slug="other")
    rule = make_rule(other, admin_actor)
    with pytest.raises(NotFoundError):
        update_redaction_rule(actor=admin_actor, tenant=tenant, rule_id=rule.id, changes={"paths": ["$.x"]})
    with pytest.raises(NotFoundError):
        delete_redaction_rule(actor=admin_actor, tenant=tenant, rule_id=rule.id)
    rule.refresh_from_db()
    assert (rule.paths, rule.version) == (["$.customer.email"], 1)


def test_hides_in_the_api_in_the_admin_and_for_other_rooms(
    api: APIClient, admin_client: Client, webhook: Webhook, admin_actor: Actor
) -> None:
    delivery = failed(webhook, payload=PAYLOAD, event_type="order.paid")
    direct = failed(webhook, payload=PAYLOAD)
    make_rule(webhook.tenant, admin_actor)
    address = "/api/platform/tenants/acme/deliveries"
    assert api.get(f"{address}/{delivery.id}").json()["request_payload"] == SHOWN
    assert api.get(f"{address}/{direct.id}").json()["request_payload"] == json.loads(PAYLOAD)
    page = admin_client.get(reverse("admin:webhooks_delivery_change", args=[delivery.id])).content.decode()
    assert "ada@example.com" not in page
    assert "***" in page
    with tenant_scope(webhook.tenant):
        payloads = webhook_directory().payloads(webhook.tenant_id, [delivery.event_id, direct.event_id])
    assert payloads == {delivery.event_id: json.dumps(SHOWN, separators=(",", ":")), direct.event_id: PAYLOAD}


def test_over_the_api(api: APIClient, tenant: Tenant) -> None:
    made = api.post(BASE, {"event_type": "order.*", "paths": ["$.card"]})
    assert made.status_code == 201
    rule = made.json()
    assert (rule["event_type"], rule["paths"], rule["version"]) == ("order.*", ["$.card"], 1)
    address = f"{BASE}/{rule['id']}"
    assert api.get(BASE).json()["results"] == [rule]
    assert api.get(address).json() == rule
    assert api.patch(address, {"paths": ["$..card"]}).json()["paths"] == ["$..card"]
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"paths": ["$.a"]}, "event_type"),
        ({"event_type": "order.*"}, "paths"),
        ({"event_type": "order.*", "paths": []}, "paths"),
        ({"event_type": "order.*", "paths": ["email"]}, "paths"),
        ({"event_type": "order.*", "paths": "$.a"}, "paths"),
        ({"event_type": "Order", "paths": ["$.a"]}, "event_type"),
        ({"event_type": "order.*", "paths": ["$.a"], "more": 1}, "more"),
    ],
)
def test_the_api_names_the_wrong_field(api: APIClient, tenant: Tenant, body: dict[str, Any], field: str) -> None:
    answer = api.post(BASE, body)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert not RedactionRule.objects.exists()


def test_in_the_admin(admin_client: Client, tenant: Tenant) -> None:
    add = reverse("admin:webhooks_redactionrule_add")
    wrong = admin_client.post(add, {"tenant": tenant.id, "event_type": "order.*", "paths": "email"})
    assert "is no JSONPath" in wrong.content.decode()
    made = admin_client.post(add, {"tenant": tenant.id, "event_type": "order.*", "paths": "$.card\n$..password\n"})
    assert made.status_code == 302
    rule = RedactionRule.objects.get()
    assert rule.paths == ["$.card", "$..password"]
    change = reverse("admin:webhooks_redactionrule_change", args=[rule.id])
    assert "$.card\n$..password" in admin_client.get(change).content.decode()
    admin_client.post(change, {"event_type": "order.paid", "paths": "$.card"})
    rule.refresh_from_db()
    assert (rule.event_type, rule.paths, rule.version) == ("order.paid", ["$.card"], 2)
    admin_client.post(reverse("admin:webhooks_redactionrule_delete", args=[rule.id]), {"post": "yes"})
    assert not RedactionRule.objects.exists()
