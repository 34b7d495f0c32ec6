"""Creating, changing and deleting webhooks. Single fields are in `test_webhook_fields`, what waits in `test_holding`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, NotFoundError
from integrations.models import Tenant, User
from integrations.services.tenants import delete_tenant
from tests.webhooks.webhook_steps import TOKEN, URL, activity, headers_of, make_n8n, update
from webhooks.models import Webhook, WebhookRuntime, WebhookStats
from webhooks.services.signing_secrets import read_signing_secret
from webhooks.services.webhooks import create_webhook, delete_webhook, replace_webhook, update_webhook


def test_stores_webhook_with_its_secrets_encrypted_when_created(
    tenant: Tenant, webhook: Webhook, platform_admin: User
) -> None:
    stored = Webhook.objects.get(id=webhook.id)
    assert stored.url is not None
    assert stored.auth_token is not None
    assert (stored.url.reveal(), stored.url_host, stored.auth_token.reveal()) == (URL, "hooks.example.com", TOKEN)
    assert headers_of(webhook) == {"X-Key": "key-of-the-receiver", "X-Env": "staging"}
    assert stored.signing_secret.reveal().startswith("whsec_")
    assert stored.signing_secret.matches(webhook.signing_secret)
    assert (stored.created_by, stored.created_by_name, stored.version) == (platform_admin, "ada", 1)
    assert (stored.is_active, stored.disabled_reason, stored.disabled_at) == (True, "", None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(w)::text FROM webhooks_webhook w")
        row = cursor.fetchone()[0]
    for secret in (URL, TOKEN, "key-of-the-receiver", webhook.signing_secret.reveal()):
        assert secret not in row


def test_gives_every_webhook_a_secret_of_its_own(tenant: Tenant, admin_actor: Actor) -> None:
    made = [create_webhook(actor=admin_actor, tenant=tenant, workflow_name=name, url=URL) for name in ("a", "b")]
    assert made[0].signing_secret.reveal() != made[1].signing_secret.reveal()


def test_records_creation_with_the_names_of_what_was_given(tenant: Tenant, webhook: Webhook) -> None:
    assert activity(tenant) == [
        ("webhook.created", "contact_form", ["auth_token", "headers", "url", "workflow_name"]),
    ]


def test_creates_disabled_webhook_when_asked_to(tenant: Tenant, admin_actor: Actor) -> None:
    made = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="hook", url=URL, is_active=False)
    stored = Webhook.objects.get(id=made.id)
    assert (stored.is_active, stored.disabled_reason) == (False, "manual")
    assert stored.disabled_at is not None


def test_refuses_name_when_the_tenant_has_it_already(
    tenant: Tenant, other_tenant: Tenant, webhook: Webhook, admin_actor: Actor
) -> None:
    with pytest.raises(ConflictError, match="This tenant has a webhook contact_form already"):
        create_webhook(actor=admin_actor, tenant=tenant, workflow_name="contact_form", url=URL)
    create_webhook(actor=admin_actor, tenant=other_tenant, workflow_name="contact_form", url=URL)
    assert Webhook.objects.filter(tenant=tenant).count() == 1
    assert len(activity(tenant)) == 1


def test_leaves_the_callers_transaction_usable_when_a_name_is_taken(
    tenant: Tenant, webhook: Webhook, admin_actor: Actor
) -> None:
    with transaction.atomic():
        with pytest.raises(ConflictError):
            create_webhook(actor=admin_actor, tenant=tenant, workflow_name="contact_form", url=URL)
        create_webhook(actor=admin_actor, tenant=tenant, workflow_name="another", url=URL)
    assert Webhook.objects.filter(tenant=tenant).count() == 2


def test_refuses_creation_when_the_tenant_was_deleted(tenant: Tenant, admin_actor: Actor) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)
    with pytest.raises(NotFoundError):
        create_webhook(actor=admin_actor, tenant=tenant, workflow_name="hook", url=URL)
    assert Webhook.objects.count() == 0


def test_changes_given_fields_and_records_their_names(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, description="leads", timeout_ms=5000, max_retries=0, event_types=["a.*", "b", "a.*"])
    stored = Webhook.objects.get(id=webhook.id)
    assert (stored.description, stored.timeout_ms, stored.max_retries) == ("leads", 5000, 0)
    assert stored.event_types == ["a.*", "b"]
    assert stored.version == 2
    assert stored.updated_at > webhook.updated_at
    assert activity(tenant)[1:] == [
        ("webhook.updated", "contact_form", ["description", "event_types", "max_retries", "timeout_ms"])
    ]


def test_writes_nothing_when_nothing_changes(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    update(
        webhook,
        admin_actor,
        url=URL,
        description="",
        is_active=True,
        auth_token=TOKEN,
        headers={"X-Key": "", "X-Env": "staging"},
        event_types=[],
        integration=None,
    )
    stored = Webhook.objects.get(id=webhook.id)
    assert (stored.version, stored.updated_at) == (1, webhook.updated_at)
    assert len(activity(tenant)) == 1


def test_refuses_stale_edit_when_a_version_is_expected(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, description="first")
    with pytest.raises(ConflictError, match="changed the webhook in the meantime"):
        update_webhook(
            actor=admin_actor,
            tenant=webhook.tenant,
            webhook_id=webhook.id,
            changes={"description": "second"},
            expected_version=1,
        )
    assert Webhook.objects.get(id=webhook.id).description == "first"


def test_replaces_public_fields_with_defaults_and_keeps_secrets(webhook: Webhook, admin_actor: Actor) -> None:
    update(
        webhook, admin_actor, description="leads", timeout_ms=5000, max_retries=2, event_types=["*"], is_active=False
    )
    replace_webhook(
        actor=admin_actor, tenant=webhook.tenant, webhook_id=webhook.id, values={"url": URL, "max_retries": 3}
    )
    stored = Webhook.objects.get(id=webhook.id)
    assert (stored.description, stored.timeout_ms, stored.event_types, stored.is_active) == ("", 30_000, [], True)
    assert stored.max_retries == 3
    assert stored.auth_token is not None
    assert stored.auth_token.reveal() == TOKEN
    assert headers_of(webhook) == {"X-Key": "key-of-the-receiver", "X-Env": "staging"}


def test_replacement_derives_the_url_when_none_is_given(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    make_n8n(tenant, admin_actor)
    replace_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id, values={})
    assert Webhook.objects.get(id=webhook.id).url is None


def test_disables_and_enables_on_the_record(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    disabled = update(webhook, admin_actor, is_active=False, description="off")
    assert (disabled.disabled_reason, disabled.version) == ("manual", 2)
    assert disabled.disabled_at is not None
    enabled = update(webhook, admin_actor, is_active=True)
    assert (enabled.disabled_reason, enabled.disabled_at, enabled.version) == ("", None, 3)
    assert activity(tenant)[1:] == [
        ("webhook.updated", "contact_form", ["description"]),
        ("webhook.disabled", "contact_form", ["is_active"]),
        ("webhook.enabled", "contact_form", ["is_active"]),
    ]


def test_forgets_failures_when_enabled(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)
    now = webhook.created_at
    WebhookRuntime.objects.create(
        webhook=webhook, tenant=tenant, consecutive_failures=12, failing_since=now, breaker_open_until=now
    )
    update(webhook, admin_actor, is_active=True)
    runtime = WebhookRuntime.objects.get(webhook=webhook)
    assert (runtime.consecutive_failures, runtime.failing_since, runtime.breaker_open_until) == (0, None, None)


def test_deletes_webhook_with_its_totals_on_the_record(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    WebhookStats.objects.create(webhook=webhook, tenant=tenant, total_calls=3)
    delete_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)
    assert (Webhook.objects.count(), WebhookStats.objects.count()) == (0, 0)
    assert activity(tenant)[1:] == [("webhook.deleted", "contact_form", [])]
    with pytest.raises(NotFoundError):
        delete_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)


def test_reads_signing_secret_on_the_record(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    secret = read_signing_secret(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)
    assert webhook.signing_secret.matches(secret.signing_secret)
    assert (secret.public_key, secret.previous_expires_at) == (None, None)
    assert secret.signing_secret not in repr(secret)
    assert activity(tenant)[1:] == [("webhook.secret_read", "contact_form", [])]


def test_refuses_every_deed_on_another_tenants_webhook(
    webhook: Webhook, other_tenant: Tenant, admin_actor: Actor
) -> None:
    where: dict[str, Any] = {"actor": admin_actor, "tenant": other_tenant, "webhook_id": webhook.id}
    with pytest.raises(NotFoundError):
        update_webhook(**where, changes={"description": "stolen"})
    with pytest.raises(NotFoundError):
        delete_webhook(**where)
    with pytest.raises(NotFoundError):
        read_signing_secret(**where)
    assert Webhook.objects.get(id=webhook.id).description == ""
    assert activity(other_tenant) == []


def test_names_the_system_as_creator_without_a_person(tenant: Tenant) -> None:
    made = create_webhook(actor=Actor.system("seed_demo"), tenant=tenant, workflow_name="hook", url=URL)
    assert (made.created_by_id, made.created_by_name) == (None, "seed_demo")
    assert isinstance(made.id, UUID)
