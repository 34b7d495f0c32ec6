from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from integrations.activity.actor import Actor
from integrations.encryption.errors import UnreadableSecretError
from integrations.errors import InvalidInputError
from integrations.models import Tenant
from integrations.services.integrations import create_integration, delete_integration
from tests.webhooks.webhook_steps import TOKEN, TWILIO, activity, headers_of, make_n8n, update
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook


def test_normalises_url_when_storing_it(tenant: Tenant, admin_actor: Actor) -> None:
    made = create_webhook(
        actor=admin_actor, tenant=tenant, workflow_name="hook", url=" HTTPS://Hooks.Example.com:443/ä "
    )
    assert made.url is not None
    assert (made.url.reveal(), made.url_host) == ("https://hooks.example.com/%C3%A4", "hooks.example.com")


def test_leaves_url_empty_when_it_can_be_derived(tenant: Tenant, admin_actor: Actor) -> None:
    make_n8n(tenant, admin_actor)
    made = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="hook")
    assert (made.url, made.url_host) == (None, "")


def test_refuses_webhook_without_url_when_none_can_be_derived(tenant: Tenant, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        create_webhook(actor=admin_actor, tenant=tenant, workflow_name="hook")
    assert refusal.value.errors == {
        "url": ["Give a url, or set base_url on the tenant's n8n integration so that it can be derived."]
    }
    assert Webhook.objects.count() == 0


def test_names_all_wrong_fields_at_once_and_stores_nothing(tenant: Tenant, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        create_webhook(
            actor=admin_actor,
            tenant=tenant,
            workflow_name="Test",
            url="ftp://example.com",
            description="x" * 501,
            event_types=["A B"],
            headers={"Host": "x"},
            auth_token="a b",
            payload_format="xml",
            retry_schedule="never",
            max_retries=21,
            timeout_ms=999,
            max_concurrency=0,
            rate_limit_per_minute=0,
            integration=uuid4(),
        )
    assert set(refusal.value.errors) == {
        *("workflow_name", "url", "description", "event_types", "headers", "auth_token", "payload_format"),
        *("retry_schedule", "max_retries", "timeout_ms", "max_concurrency", "rate_limit_per_minute", "integration"),
    }
    assert Webhook.objects.count() == 0
    assert activity(tenant) == []


@pytest.mark.parametrize(("given", "expected"), [("", TOKEN), ("another-token-0123456789", "another-token-0123456789")])
def test_keeps_auth_token_when_blank_and_replaces_it_when_given(
    webhook: Webhook, admin_actor: Actor, given: str, expected: str
) -> None:
    update(webhook, admin_actor, auth_token=given, description="changed")
    stored = Webhook.objects.get(id=webhook.id)
    assert stored.auth_token is not None
    assert stored.auth_token.reveal() == expected


def test_removes_auth_token_when_null(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, auth_token=None)
    assert Webhook.objects.get(id=webhook.id).auth_token is None
    assert activity(tenant)[-1] == ("webhook.updated", "contact_form", ["auth_token"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"X-Key": "", "X-Env": ""}, {"X-Key": "key-of-the-receiver", "X-Env": "staging"}),
        ({"x-key": ""}, {"X-Key": "key-of-the-receiver"}),
        ({"x-key": "new"}, {"x-key": "new"}),
        ({"X-New": "new", "X-Env": "staging"}, {"X-Env": "staging", "X-New": "new"}),
        ({}, {}),
    ],
)
def test_gives_webhook_the_complete_set_of_headers(
    webhook: Webhook, admin_actor: Actor, changes: dict[str, str], expected: dict[str, str]
) -> None:
    update(webhook, admin_actor, headers=changes)
    assert headers_of(webhook) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"X-Key": "key-of-the-receiver", "X-Env": "staging"}),
        ({"X-New": "new"}, {"X-Key": "key-of-the-receiver", "X-Env": "staging", "X-New": "new"}),
        ({"X-Key": "", "x-env": None}, {"X-Key": "key-of-the-receiver"}),
        ({"X-Env": "production"}, {"X-Key": "key-of-the-receiver", "X-Env": "production"}),
        ({"X-Unknown": None}, {"X-Key": "key-of-the-receiver", "X-Env": "staging"}),
    ],
)
def test_changes_headers_by_name(
    webhook: Webhook, admin_actor: Actor, changes: dict[str, str | None], expected: dict[str, str]
) -> None:
    update(webhook, admin_actor, header_changes=changes)
    assert headers_of(webhook) == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"header_changes": {"X-New": ""}}, "'X-New' needs a value."),
        ({"header_changes": {"X-A": "1", "x-a": "2"}}, "A header is given twice: upper and lower case do not matter."),
        ({"header_changes": {"Authorization": "x"}}, "Authorization is sent from auth_token: remove one of the two."),
        (
            {"header_changes": {"X-Key": "***iver"}},
            "'X-Key' has the masked form of a secret: give the value itself or leave it blank.",
        ),
    ],
)
def test_refuses_headers_when_they_contradict_what_is_stored(
    tenant: Tenant, webhook: Webhook, admin_actor: Actor, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        update(webhook, admin_actor, description="changed", **changes)
    assert refusal.value.errors == {"headers": [reason]}
    assert headers_of(webhook) == {"X-Key": "key-of-the-receiver", "X-Env": "staging"}
    assert Webhook.objects.get(id=webhook.id).description == ""
    assert len(activity(tenant)) == 1


def test_takes_authorization_header_when_the_token_goes_in_the_same_change(
    webhook: Webhook, admin_actor: Actor
) -> None:
    update(webhook, admin_actor, auth_token=None, headers={"Authorization": "Basic YTpi"})
    assert headers_of(webhook) == {"Authorization": "Basic YTpi"}
    with pytest.raises(InvalidInputError):
        update(webhook, admin_actor, auth_token=TOKEN)
    assert Webhook.objects.get(id=webhook.id).auth_token is None


def test_refuses_masked_auth_token(webhook: Webhook, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        update(webhook, admin_actor, auth_token="***6789")
    assert list(refusal.value.errors) == ["auth_token"]


def test_derives_url_when_it_is_set_to_null(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        update(webhook, admin_actor, url=None)
    assert list(refusal.value.errors) == ["url"]
    make_n8n(tenant, admin_actor)
    update(webhook, admin_actor, url=None)
    stored = Webhook.objects.get(id=webhook.id)
    assert (stored.url, stored.url_host) == (None, "")


def test_changes_other_fields_when_the_base_is_gone(tenant: Tenant, admin_actor: Actor) -> None:
    n8n = make_n8n(tenant, admin_actor)
    made = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="hook", integration=n8n.id)
    delete_integration(actor=admin_actor, integration=n8n)
    assert update(made, admin_actor, description="still here", is_active=False).version == 2
    assert Webhook.objects.get(id=made.id).integration_id is None


def test_refuses_integration_when_it_is_another_tenants(
    tenant: Tenant, other_tenant: Tenant, webhook: Webhook, admin_actor: Actor
) -> None:
    foreign = make_n8n(other_tenant, admin_actor)
    with pytest.raises(InvalidInputError) as refusal:
        update(webhook, admin_actor, integration=foreign.id)
    assert refusal.value.errors == {"integration": ["This tenant has no integration of this id."]}


def test_takes_integration_by_id_or_as_object(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    n8n = make_n8n(tenant, admin_actor)
    assert update(webhook, admin_actor, integration=n8n).integration_id == n8n.id
    assert update(webhook, admin_actor, integration=n8n.id).version == 2
    assert update(webhook, admin_actor, integration=None).integration_id is None
    assert activity(tenant)[1:] == [("webhook.updated", "contact_form", ["integration"])] * 2


def test_refuses_integration_without_base_when_the_url_is_derived(tenant: Tenant, admin_actor: Actor) -> None:
    make_n8n(tenant, admin_actor)
    made = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="hook")
    twilio = create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=TWILIO)
    with pytest.raises(InvalidInputError) as refusal:
        update(made, admin_actor, integration=twilio.id)
    assert list(refusal.value.errors) == ["url"]


def test_changes_one_header_when_another_no_longer_opens(webhook: Webhook, admin_actor: Actor) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_webhook SET headers = jsonb_set(headers, '{X-Key}', headers->'X-Env')")
    update(webhook, admin_actor, header_changes={"X-Env": "production"})
    stored = Webhook.objects.get(id=webhook.id).headers
    assert stored["X-Env"].reveal() == "production"
    with pytest.raises(UnreadableSecretError):
        stored["X-Key"].reveal()
    update(webhook, admin_actor, header_changes={"X-Key": "given-again-0123456789"})
    assert headers_of(webhook) == {"X-Key": "given-again-0123456789", "X-Env": "production"}


@pytest.mark.parametrize("field", ["workflow_name", "tenant", "version", "signing_secret"])
def test_refuses_what_nobody_may_set(tenant: Tenant, webhook: Webhook, admin_actor: Actor, field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        update(webhook, admin_actor, description="changed", **{field: "x"})
    assert refusal.value.errors == {field: ["This field cannot be changed."]}
    assert Webhook.objects.get(id=webhook.id).version == 1
