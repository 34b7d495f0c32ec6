"""`/api/platform/tenants/{tenant}/webhooks` and below. Bad input is in `test_webhooks_bad_input`."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Tenant
from tests.webhooks.webhook_steps import HEADERS, TOKEN, URL, activity, headers_of, make_n8n
from webhooks.api.serializers import WebhookSerializer
from webhooks.models import Webhook, WebhookStats
from webhooks.services.webhooks import create_webhook

WEBHOOKS = "/api/platform/tenants/acme/webhooks"
SETTINGS = {
    "description": "New leads",
    "is_active": True,
    "event_types": ["contact.*", "order.paid"],
    "payload_format": "standard",
    "signature_scheme": "hmac",
    "integration": None,
    "retry_schedule": "quick",
    "max_retries": 2,
    "retry_client_errors": False,
    "timeout_ms": 5000,
    "max_concurrency": 4,
    "rate_limit_per_minute": 60,
}
HEALTHY = {
    "breaker_state": "closed",
    "breaker_open_until": None,
    "failing_since": None,
    "previous_secret_expires_at": None,
}


def make(tenant: Tenant, actor: Actor, *names: str, **fields: Any) -> list[Webhook]:
    return [create_webhook(actor=actor, tenant=tenant, workflow_name=name, **{"url": URL, **fields}) for name in names]


# --- Creating -------------------------------------------------------------------------------------------------------


def test_creates_webhook_and_answers_its_signing_secret(api: APIClient, tenant: Tenant) -> None:
    body = {"workflow_name": "contact_form", "url": URL, "auth_token": TOKEN, "headers": HEADERS, **SETTINGS}
    answer = api.post(WEBHOOKS, body)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    stored = Webhook.objects.get()
    shown = answer.json()
    assert parse_datetime(shown.pop("created_at")) == stored.created_at
    assert parse_datetime(shown.pop("updated_at")) == stored.updated_at
    assert shown == {
        "id": str(stored.id),
        "workflow_name": "contact_form",
        "url": URL,
        "url_derived": False,
        "auth_token": "***6789",
        "headers": {"X-Key": "***iver", "X-Env": "***"},
        **SETTINGS,
        "disabled_reason": None,
        "disabled_at": None,
        **HEALTHY,
        "version": 1,
        "created_by": "ada",
        "last_called_at": None,
        "total_calls": 0,
        "successful_calls": 0,
        "failed_calls": 0,
        "signing_secret": stored.signing_secret.reveal(),
        "public_key": None,
    }
    assert stored.auth_token is not None
    assert stored.auth_token.reveal() == TOKEN
    assert headers_of(stored) == HEADERS


def test_creates_webhook_with_defaults_when_only_the_name_is_given(
    api: APIClient, tenant: Tenant, admin_actor: Actor
) -> None:
    make_n8n(tenant, admin_actor)
    shown = api.post(WEBHOOKS, {"workflow_name": "contact_form"}).json()
    assert (shown["url"], shown["url_derived"]) == ("https://n8n.example.com/webhook/acme/contact-form", True)
    defaults: dict[str, Any] = {
        "auth_token": None,
        "headers": {},
        "description": "",
        "is_active": True,
        "event_types": [],
        "payload_format": "raw",
        "signature_scheme": "hmac",
        "integration": None,
        "retry_schedule": "durable",
        "max_retries": None,
        "retry_client_errors": True,
        "timeout_ms": 30000,
        "max_concurrency": 16,
        "rate_limit_per_minute": None,
    }
    assert {name: shown[name] for name in defaults} == defaults


def test_answers_the_declared_fields(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    declared = set(WebhookSerializer().fields) - {"unreadable"}
    assert set(api.get(f"{WEBHOOKS}/{webhook.id}").json()) == declared
    assert set(api.get(WEBHOOKS).json()["results"][0]) == declared


def test_answers_409_when_the_name_is_taken(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    answer = api.post(WEBHOOKS, {"workflow_name": "contact_form", "url": "https://other.example.com"})
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "This tenant has a webhook contact_form already: choose another name."
    assert [hook.version for hook in Webhook.objects.all()] == [1]
    assert len(activity(tenant)) == 1


# --- Reading --------------------------------------------------------------------------------------------------------


def test_finds_webhook_by_id_and_by_name(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    by_id = api.get(f"{WEBHOOKS}/{webhook.id}")
    by_name = api.get(f"{WEBHOOKS}/contact_form")
    by_tenant_id = api.get(f"/api/platform/tenants/{tenant.id}/webhooks/contact_form")
    assert by_id.status_code == 200
    assert by_id.json() == by_name.json() == by_tenant_id.json()
    assert by_id.json()["id"] == str(webhook.id)
    assert "signing_secret" not in by_id.json()


def test_answers_404_when_there_is_no_such_webhook(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    for reference in ("nothing", str(uuid4()), "%00", "a%00b", "A", "%F0%9F%98%80", "a" * 300):
        for method in ("get", "put", "patch", "delete"):
            assert getattr(api, method)(f"{WEBHOOKS}/{reference}").status_code == 404
    assert Webhook.objects.count() == 1


def test_answers_404_when_the_webhook_is_another_tenants(
    api: APIClient, other_tenant: Tenant, webhook: Webhook
) -> None:
    theirs = "/api/platform/tenants/other/webhooks"
    for address in (f"{theirs}/{webhook.id}", f"{theirs}/contact_form"):
        assert api.get(address).status_code == 404
        assert api.get(f"{address}/secret").status_code == 404
        assert api.post(f"{address}/test").status_code == 404
        assert api.patch(address, {"description": "stolen"}).status_code == 404
        assert api.delete(address).status_code == 404
    assert api.get(theirs).json()["results"] == []
    assert Webhook.objects.get().version == 1
    assert activity(other_tenant) == []


def test_shows_totals(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    now = timezone.now()
    WebhookStats.objects.create(
        webhook=webhook,
        tenant=tenant,
        total_calls=5,
        successful_calls=3,
        failed_calls=2,
        attempts=9,
        last_called_at=now,
    )
    shown = api.get(f"{WEBHOOKS}/{webhook.id}").json()
    assert (shown["total_calls"], shown["successful_calls"], shown["failed_calls"]) == (5, 3, 2)
    assert parse_datetime(shown["last_called_at"]) == now


def test_shows_what_does_not_open_as_unreadable(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_webhook SET url = auth_token")
    shown = api.get(WEBHOOKS).json()["results"][0]
    assert (shown["url"], shown["url_derived"], shown["auth_token"]) == (None, False, "***6789")
    assert shown["unreadable"] == ["url"]
    repaired = api.patch(f"{WEBHOOKS}/{webhook.id}", {"url": URL})
    assert (repaired.status_code, repaired.json()["url"]) == (200, URL)


# --- Lists ----------------------------------------------------------------------------------------------------------


def test_lists_webhooks_by_name_in_pages(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    make(tenant, admin_actor, "c", "a", "b")
    first = api.get(f"{WEBHOOKS}?page_size=2").json()
    assert (first["count"], first["previous"]) == (3, None)
    assert [hook["workflow_name"] for hook in first["results"]] == ["a", "b"]
    second = api.get(first["next"]).json()
    assert [hook["workflow_name"] for hook in second["results"]] == ["c"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("is_active=true", ["b", "c"]),
        ("is_active=false", ["a"]),
        ("workflow_name=b", ["b"]),
        ("workflow_name=B", []),
        ("integration={n8n}", ["c"]),
        ("integration=01a1f8c3-0000-7000-8000-000000000001", []),
        ("ordering=-workflow_name", ["c", "b", "a"]),
        ("ordering=created_at", ["b", "c", "a"]),
        ("ordering=-created_at&is_active=true", ["c", "b"]),
    ],
)
def test_filters_and_sorts_the_list(
    api: APIClient, tenant: Tenant, admin_actor: Actor, query: str, names: list[str]
) -> None:
    n8n = make_n8n(tenant, admin_actor)
    make(tenant, admin_actor, "b")
    make(tenant, admin_actor, "c", integration=n8n.id)
    make(tenant, admin_actor, "a", is_active=False)
    answer = api.get(f"{WEBHOOKS}?{query.format(n8n=n8n.id)}")
    assert [hook["workflow_name"] for hook in answer.json()["results"]] == names


@pytest.mark.parametrize("url", [URL, None])
def test_reads_30_webhooks_with_the_queries_of_3(
    api: APIClient, tenant: Tenant, admin_actor: Actor, url: str | None
) -> None:
    make_n8n(tenant, admin_actor)

    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            answer = api.get(WEBHOOKS)
        assert answer.json()["count"] == count
        assert all(hook["url"] for hook in answer.json()["results"])
        return len(captured)

    make(tenant, admin_actor, *(f"hook-{number}" for number in range(3)), url=url, auth_token=TOKEN, headers=HEADERS)
    api.get(WEBHOOKS)
    with_3 = queries(3)
    make(
        tenant, admin_actor, *(f"hook-{number}" for number in range(3, 30)), url=url, auth_token=TOKEN, headers=HEADERS
    )
    assert queries(30) == with_3


# --- Changing -------------------------------------------------------------------------------------------------------


def test_changes_what_is_given(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    before = api.get(f"{WEBHOOKS}/contact_form").json()
    answer = api.patch(
        f"{WEBHOOKS}/contact_form",
        {"description": "leads", "auth_token": "", "headers": {"X-Env": "production", "X-Key": "", "X-New": "1"}},
    )
    assert answer.status_code == 200
    after = answer.json()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"description", "headers", "version", "updated_at"}
    assert (after["description"], after["version"]) == ("leads", 2)
    assert headers_of(webhook) == {"X-Key": "key-of-the-receiver", "X-Env": "production", "X-New": "1"}
    assert activity(tenant)[1:] == [("webhook.updated", "contact_form", ["description", "headers"])]


def test_removes_secrets_when_null(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    assert api.patch(f"{WEBHOOKS}/{webhook.id}", {"headers": {"X-Env": None}}).json()["headers"] == {"X-Key": "***iver"}
    shown = api.patch(f"{WEBHOOKS}/{webhook.id}", {"auth_token": None, "headers": None}).json()
    assert (shown["auth_token"], shown["headers"], shown["version"]) == (None, {}, 3)


def test_disables_and_enables(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    disabled = api.patch(f"{WEBHOOKS}/{webhook.id}", {"is_active": False}).json()
    assert (disabled["is_active"], disabled["disabled_reason"]) == (False, "manual")
    assert disabled["disabled_at"] is not None
    enabled = api.patch(f"{WEBHOOKS}/{webhook.id}", {"is_active": True}).json()
    assert (enabled["is_active"], enabled["disabled_reason"], enabled["disabled_at"]) == (True, None, None)


def test_replaces_all_but_secrets(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    make(tenant, admin_actor, "hook", auth_token=TOKEN, headers=HEADERS, **{**SETTINGS, "is_active": False})
    answer = api.put(
        f"{WEBHOOKS}/hook", {"workflow_name": "hook", "url": "https://new.example.com/", "timeout_ms": 1000}
    )
    assert answer.status_code == 200
    shown = answer.json()
    expected = {
        "url": "https://new.example.com/",
        "description": "",
        "is_active": True,
        "event_types": [],
        "payload_format": "raw",
        "retry_schedule": "durable",
        "max_retries": None,
        "retry_client_errors": True,
        "timeout_ms": 1000,
        "max_concurrency": 16,
        "rate_limit_per_minute": None,
        "auth_token": "***6789",
        "headers": {"X-Key": "***iver", "X-Env": "***"},
        "version": 2,
    }
    assert {name: shown[name] for name in expected} == expected


def test_deletes_webhook(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    answer = api.delete(f"{WEBHOOKS}/contact_form")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(f"{WEBHOOKS}/contact_form").status_code == 404
    assert api.delete(f"{WEBHOOKS}/{webhook.id}").status_code == 404
    assert activity(tenant)[1:] == [("webhook.deleted", "contact_form", [])]


# --- The signing secret ---------------------------------------------------------------------------------------------


def test_reads_signing_secret_again_on_the_record(
    api: APIClient, tenant: Tenant, webhook: Webhook, admin_actor: Actor
) -> None:
    answer = api.get(f"{WEBHOOKS}/contact_form/secret")
    assert answer.status_code == 200
    assert answer.json() == {
        "signing_secret": webhook.signing_secret.reveal(),
        "public_key": None,
        "previous_secret_expires_at": None,
    }
    assert answer.headers["Cache-Control"] == "no-store"
    entry = ActivityLog.objects.get(verb="webhook.secret_read")
    assert (entry.actor_name, entry.actor_id, entry.object_id, entry.tenant_id) == (
        *("ada", admin_actor.id, webhook.id, tenant.id),
    )
    assert (entry.changed_fields, entry.detail) == ([], "")


def test_shows_no_secret_in_any_other_answer(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    secrets = [TOKEN, HEADERS["X-Key"], webhook.signing_secret.reveal()]
    for answer in (
        api.get(WEBHOOKS),
        api.get(f"{WEBHOOKS}/{webhook.id}"),
        api.patch(f"{WEBHOOKS}/{webhook.id}", {"description": "x"}),
        api.put(f"{WEBHOOKS}/{webhook.id}", {"url": URL}),
        api.post(WEBHOOKS, {"workflow_name": "contact_form", "url": URL}),
    ):
        assert [secret for secret in secrets if secret in answer.content.decode()] == []
