from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Tenant
from integrations.services.integrations import create_integration
from webhooks.models import Webhook, WebhookRuntime
from webhooks.services.webhooks import create_webhook
from webhooks.signing import public_key_of

ADD = "/admin/webhooks/webhook/add/"
BEARER = "bearer-token-that-nobody-may-see-0123456789"
FIELDS = {
    "description": "",
    "is_active": "on",
    "url": "https://hooks.example.com/in",
    "event_types": "",
    "payload_format": "raw",
    "auth_token": "",
    "headers": "",
    "signature_scheme": "hmac",
    "retry_schedule": "durable",
    "max_retries": "",
    "retry_client_errors": "on",
    "timeout_ms": "30000",
    "max_concurrency": "16",
    "rate_limit_per_minute": "",
}


@pytest.fixture
def webhook(tenant: Tenant, admin_actor: Actor) -> Webhook:
    return create_webhook(
        actor=admin_actor,
        tenant=tenant,
        workflow_name="lead",
        url="https://hooks.example.com/in",
        auth_token=BEARER,
        headers={"X-Api-Key": "header-value-that-nobody-may-see"},
    )


def page(name: str, webhook: Webhook) -> str:
    return reverse(f"admin:webhooks_webhook_{name}", args=[webhook.pk])


def verbs() -> list[str]:
    return list(ActivityLog.objects.filter(object_kind="webhook").order_by("id").values_list("verb", flat=True))


def test_adding_writes_through_the_service(admin_client: Client, tenant: Tenant) -> None:
    data = {
        **FIELDS,
        "tenant": str(tenant.id),
        "workflow_name": "lead",
        "auth_token": BEARER,
        "headers": "X-Team: sales",
    }
    data["event_types"] = "contact.*\norder.created"
    assert admin_client.post(ADD, data).status_code == 302
    made = Webhook.objects.get()
    assert (made.workflow_name, made.url_host, made.event_types) == (
        "lead",
        "hooks.example.com",
        ["contact.*", "order.created"],
    )
    assert made.auth_token.reveal() == BEARER
    assert made.headers["X-Team"].reveal() == "sales"
    assert made.signing_secret.reveal().startswith("whsec_")
    assert verbs() == ["webhook.created"]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("workflow_name", "Has Spaces", "lower"),
        ("workflow_name", "broadcast", "reserved"),
        ("url", "https://10.0.0.1/x", "private"),
        ("url", "ftp://example.com/x", "http"),
        ("url", "https://user:pass@example.com/x", "password"),
        ("event_types", "Not An Event", ""),
        ("headers", "no colon", "colon"),
        ("headers", "Host: example.com", ""),
        ("timeout_ms", "5", "1000"),
    ],
)
def test_bad_input_is_shown_at_its_field_and_nothing_is_stored(
    admin_client: Client, tenant: Tenant, field: str, value: str, reason: str
) -> None:
    data = {**FIELDS, "tenant": str(tenant.id), "workflow_name": "lead", field: value}
    answer = admin_client.post(ADD, data)
    assert answer.status_code == 200
    assert reason in " ".join(answer.context["adminform"].form.errors[field])
    assert Webhook.objects.count() == 0


def test_name_that_is_taken_is_refused_on_the_form(admin_client: Client, tenant: Tenant, webhook: Webhook) -> None:
    answer = admin_client.post(ADD, {**FIELDS, "tenant": str(tenant.id), "workflow_name": "lead"})
    assert answer.status_code == 200
    assert "already" in answer.content.decode()
    assert Webhook.objects.count() == 1


def test_page_shows_no_secret(admin_client: Client, webhook: Webhook) -> None:
    html = admin_client.get(page("change", webhook)).content.decode()
    assert BEARER not in html
    assert "header-value-that-nobody-may-see" not in html
    assert webhook.signing_secret.reveal() not in html
    assert "X-Api-Key:" in html


def test_page_shows_the_address_that_is_stored(admin_client: Client, webhook: Webhook) -> None:
    html = admin_client.get(page("change", webhook)).content.decode()
    assert 'value="https://hooks.example.com/in"' in html
    assert 'value="***"' not in html


def test_saving_an_untouched_form_changes_nothing(admin_client: Client, webhook: Webhook) -> None:
    answer = admin_client.post(page("change", webhook), {**FIELDS, "headers": "X-Api-Key:"})
    assert answer.status_code == 302
    stored = Webhook.objects.get()
    assert stored.version == 1
    assert stored.auth_token.reveal() == BEARER
    assert stored.headers["X-Api-Key"].reveal() == "header-value-that-nobody-may-see"
    assert verbs() == ["webhook.created"]


def test_headers_are_kept_replaced_added_and_removed_by_line(admin_client: Client, webhook: Webhook) -> None:
    admin_client.post(page("change", webhook), {**FIELDS, "headers": "X-Api-Key:\nX-Team: sales"})
    assert {name: value.reveal() for name, value in Webhook.objects.get().headers.items()} == {
        "X-Api-Key": "header-value-that-nobody-may-see",
        "X-Team": "sales",
    }
    admin_client.post(page("change", webhook), {**FIELDS, "headers": "X-Team: support"})
    assert {name: value.reveal() for name, value in Webhook.objects.get().headers.items()} == {"X-Team": "support"}


def test_bearer_token_can_be_cleared(admin_client: Client, webhook: Webhook) -> None:
    admin_client.post(page("change", webhook), {**FIELDS, "headers": "X-Api-Key:", "auth_token-clear": "on"})
    assert Webhook.objects.get().auth_token is None
    assert ActivityLog.objects.get(verb="webhook.updated").changed_fields == ["auth_token"]


def test_signing_secret_is_shown_on_request_and_noted(admin_client: Client, webhook: Webhook) -> None:
    assert admin_client.get(page("secret", webhook)).status_code == 405
    answer = admin_client.post(page("secret", webhook))
    assert webhook.signing_secret.reveal() in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert verbs() == ["webhook.created", "webhook.secret_read"]


def test_signing_secret_is_rotated_on_request_and_the_new_one_shown_once(
    admin_client: Client, webhook: Webhook
) -> None:
    assert page("rotate", webhook) in admin_client.get(page("change", webhook)).content.decode()
    assert admin_client.get(page("rotate", webhook)).status_code == 405
    answer = admin_client.post(page("rotate", webhook))
    new = Webhook.objects.get()
    html = answer.content.decode()
    assert new.signing_secret.reveal() in html
    assert webhook.signing_secret.reveal() not in html
    assert f"{new.previous_secret_expires_at:%Y-%m-%d %H:%M:%S} UTC" in html
    assert "no-store" in answer["Cache-Control"]
    assert verbs() == ["webhook.created", "webhook.secret_rotated"]


def test_public_key_is_shown_with_an_ed25519_secret(admin_client: Client, webhook: Webhook) -> None:
    admin_client.post(page("change", webhook), {**FIELDS, "headers": "X-Api-Key:", "signature_scheme": "ed25519"})
    html = admin_client.post(page("secret", webhook)).content.decode()
    secret = Webhook.objects.get().signing_secret.reveal()
    assert secret in html
    assert str(public_key_of(secret)) in html


def test_breaker_is_shown_and_can_be_reset(admin_client: Client, webhook: Webhook) -> None:
    html = admin_client.get(page("change", webhook)).content.decode()
    assert "closed" in html
    assert page("breaker_reset", webhook) not in html
    now = timezone.now()
    WebhookRuntime.objects.create(
        webhook=webhook,
        tenant=webhook.tenant,
        consecutive_failures=10,
        breaker_open_until=now + timedelta(minutes=5),
        breaker_opened_count=1,
        failing_since=now,
    )

    html = admin_client.get(page("change", webhook)).content.decode()
    assert f"{now + timedelta(minutes=5):%Y-%m-%d %H:%M:%S} UTC" in html
    assert f"{now:%Y-%m-%d %H:%M:%S} UTC" in html
    assert page("breaker_reset", webhook) in html
    assert admin_client.get(page("breaker_reset", webhook)).status_code == 405
    answer = admin_client.post(page("breaker_reset", webhook))

    assert (answer.status_code, answer["Location"]) == (302, page("change", webhook))
    assert WebhookRuntime.objects.get().breaker_open_until is None
    assert verbs() == ["webhook.created", "webhook.breaker_reset"]


def test_actions_disable_and_enable(admin_client: Client, webhook: Webhook) -> None:
    listing = reverse("admin:webhooks_webhook_changelist")
    admin_client.post(listing, {"action": "disable", "_selected_action": [str(webhook.pk)]})
    assert Webhook.objects.get().disabled_reason == "manual"
    admin_client.post(listing, {"action": "enable", "_selected_action": [str(webhook.pk)]})
    assert Webhook.objects.get().is_active is True
    assert verbs() == ["webhook.created", "webhook.disabled", "webhook.enabled"]


def test_deleting_goes_through_the_service(admin_client: Client, webhook: Webhook) -> None:
    assert admin_client.post(page("delete", webhook), {"post": "yes"}).status_code == 302
    assert Webhook.objects.count() == 0
    assert verbs() == ["webhook.created", "webhook.deleted"]


def test_derived_address_is_answered_for_the_add_form(admin_client: Client, tenant: Tenant, admin_actor: Actor) -> None:
    url = reverse("admin:webhooks_webhook_derived_url")
    query = {"tenant": str(tenant.id), "workflow_name": "contact_form"}
    assert admin_client.get(url, query).json() == {"url": None}
    create_integration(
        actor=admin_actor, tenant=tenant, provider="n8n", values={"base_url": "https://n8n.example.com/webhook"}
    )
    assert admin_client.get(url, query).json() == {"url": "https://n8n.example.com/webhook/acme/contact-form"}
    assert admin_client.get(url, {"tenant": "nonsense", "workflow_name": "x"}).json() == {"url": None}
