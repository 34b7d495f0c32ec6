"""What every list of the admin must keep; a new one is tested by being registered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics.alerts.models import Alert, AlertChannel, AlertRule
from analytics.alerts.services.channels import create_channel
from analytics.alerts.services.rules import create_rule
from analytics.models import TenantRetention, WebhookCall
from analytics.tenant_retention import set_retention
from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.messaging.models import Message
from integrations.models import ActivityLog, APIKey, Integration, Membership, Role, Tenant, User
from integrations.services.api_keys import create_api_key
from integrations.services.integrations import create_integration
from integrations.services.memberships import add_member
from integrations.services.tenants import create_tenant
from tests.analytics.alerts.alert_steps import make_alert
from tests.analytics.calls import call, record
from tests.integrations.messaging.stored_messages import make_message
from tests.webhooks.delivery_steps import failed
from webhooks.models import Delivery, Receiver, Recovery, RedactionRule, Webhook
from webhooks.services.receivers import create_receiver
from webhooks.services.recovering import start_recovery
from webhooks.services.redaction_rules import create_redaction_rule
from webhooks.services.webhooks import create_webhook

ACTOR = Actor.system("test")


def _tenant(number: int) -> Tenant:
    return create_tenant(actor=ACTOR, name=f"Tenant {number}", slug=f"tenant-{number}")


def _user(number: int) -> User:
    return User.objects.create_user(f"user{number}", f"user{number}@example.com")


def _integration(number: int) -> Integration:
    values = {"base_url": "http://127.0.0.1:9/webhook", "api_key": f"n8n_api_key_of_tenant_{number:08}"}
    return create_integration(actor=ACTOR, tenant=_tenant(number), provider="n8n", values=values)


def _webhook(number: int) -> Webhook:
    tenant = _integration(number).tenant
    return create_webhook(actor=ACTOR, tenant=tenant, workflow_name=f"hook-{number}")


def _call(number: int) -> WebhookCall:
    recorded = call(tenant_id=_tenant(number).id, attempt=number + 1)
    record([recorded])
    return WebhookCall.objects.get(id=recorded.id)


def _retention(number: int) -> TenantRetention:
    tenant = _tenant(number)
    set_retention(actor=ACTOR, tenant=tenant, days=30, payload_days=None)
    return TenantRetention.objects.get(tenant_id=tenant.id)


def _recovery(number: int) -> Recovery:
    webhook = _webhook(number)
    since = timezone.now() - timedelta(hours=1)
    return start_recovery(actor=ACTOR, tenant=webhook.tenant, webhook_id=webhook.id, since=since)


def _api_key(number: int) -> APIKey:
    return create_api_key(actor=ACTOR, tenant=_tenant(number), access=None, name=f"Key {number}", scopes=["*"]).key


def _alert_rule(number: int) -> AlertRule:
    return create_rule(actor=ACTOR, tenant=_tenant(number), kind="failure_rate")


def _alert_channel(number: int) -> AlertChannel:
    mails = {"name": f"Channel {number}", "recipients": ["ops@example.com"]}
    return create_channel(actor=ACTOR, tenant=_tenant(number), kind="email", **mails)


# One row of each model that the admin lists.
ROWS: dict[type[Model], Callable[[int], Any]] = {
    Tenant: _tenant,
    User: _user,
    Membership: lambda number: add_member(actor=ACTOR, tenant=_tenant(number), user=_user(number), role=Role.MEMBER),
    Integration: _integration,
    Message: lambda number: make_message(_tenant(number)),
    APIKey: _api_key,
    ActivityLog: lambda number: record_activity(
        actor=ACTOR, verb="test.done", tenant_id=_tenant(number).id, object_kind="test", object_name=str(number)
    ),
    TenantRetention: _retention,
    Webhook: _webhook,
    WebhookCall: _call,
    Delivery: lambda number: failed(_webhook(number)),
    Recovery: _recovery,
    RedactionRule: lambda number: create_redaction_rule(
        actor=ACTOR, tenant=_tenant(number), event_type=f"order.kind_{number}", paths=["$.card"]
    ),
    Alert: lambda number: make_alert(_tenant(number)),
    AlertRule: _alert_rule,
    AlertChannel: _alert_channel,
    Receiver: lambda number: create_receiver(
        actor=ACTOR, tenant=_tenant(number), provider="github", name=f"receiver_{number}"
    ),
}
LISTED = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def admin_client(platform_admin: User) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client


def _address(model: type[Model], page: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model._meta.label)
def test_list_issues_the_same_queries_for_3_rows_and_for_30(model: type[Model], admin_client: Client) -> None:
    for number in range(3):
        ROWS[model](number)
    admin_client.get(_address(model, "changelist"))  # sessions and content types are read once
    with CaptureQueriesContext(connection) as few:
        assert admin_client.get(_address(model, "changelist")).status_code == 200
    for number in range(3, 30):
        ROWS[model](number)
    with CaptureQueriesContext(connection) as many:
        assert admin_client.get(_address(model, "changelist")).status_code == 200
    assert len(many) == len(few)


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model._meta.label)
def test_search_and_every_filter_answer(model: type[Model], admin_client: Client) -> None:
    ROWS[model](1)
    model_admin = admin.site._registry[model]
    queries = [f"{name}__exact=1" for name in model_admin.list_filter if isinstance(name, str)]
    for query in ["q=x", "q=%00", "o=1", "p=9999", *queries]:
        answer = admin_client.get(f"{_address(model, 'changelist')}?{query}")
        assert answer.status_code in {200, 302}, query


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model._meta.label)
def test_object_page_opens(model: type[Model], admin_client: Client) -> None:
    row = ROWS[model](1)
    assert admin_client.get(_address(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model._meta.label)
def test_pages_are_closed_to_staff_who_are_no_platform_admins(model: type[Model], db: None) -> None:
    clerk = User.objects.create_user("clerk", "clerk@example.com", is_staff=True)
    client = Client()
    client.force_login(clerk)
    row = ROWS[model](1)
    before = model._base_manager.count()
    for address in (_address(model, "changelist"), _address(model, "change", row.pk)):
        assert client.get(address).status_code == 302
        assert client.post(address, {"post": "yes"}).status_code == 302
    assert model._base_manager.count() == before
