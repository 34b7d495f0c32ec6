"""`/api/platform/tenants/{tenant}/integrations` and its slots."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.encryption.data_keys import forget_data_keys
from integrations.models import ActivityLog, Health, Integration, Tenant
from integrations.providers.registry import slots
from integrations.services.integrations import create_integration
from tests.integrations.providers.tiny import use_tiny_provider

TOKEN = "EAATestAccessTokenForDocumentationOnly123456789"
WHATSAPP = {"phone_number_id": "106540352242922", "access_token": TOKEN}
TWILIO = {
    "provider": "twilio",
    "account_sid": "AC0123456789abcdef0123456789abcdef",
    "auth_token": "fedcba9876543210fedcba9876543210",
    "phone_number": "+15005550006",
}
N8N = {"base_url": "https://n8n.example.com/webhook/tenant123"}


@pytest.fixture
def url(tenant: Tenant) -> str:
    return f"/api/platform/tenants/{tenant.id}/integrations"


def without_times(body: dict[str, Any]) -> dict[str, Any]:
    assert body["created_at"].endswith("Z")
    assert body["updated_at"].endswith("Z")
    return {
        name: value
        for name, value in body.items()
        if name not in {"id", "created_at", "updated_at", "secret_changed_at"}
    }


def test_map_has_every_slot_with_secrets_masked(api: APIClient, url: str) -> None:
    empty = api.get(url).json()
    assert {slot: empty[slot] for slot in slots()} == dict.fromkeys(slots())
    assert (empty["items"], empty["statistics"]["total"]) == ([], 0)
    api.post(f"{url}/whatsapp", {**WHATSAPP, "enabled": True, "metadata": {"team": "sales"}})
    api.post(f"{url}/sms", TWILIO)
    answer = api.get(url)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == [*slots(), "items", "statistics"]
    assert body["n8n"] is None
    assert without_times(body["whatsapp"]) == {
        "provider": "whatsapp",
        "name": "WhatsApp",
        "description": "",
        "enabled": True,
        "health": "unknown",
        "status": "active",
        "version": 1,
        "phone_number_id": "106540352242922",
        "business_account_id": None,
        "access_token": "EAATestAcc***456789",
        "webhook_verify_token": None,
        "app_secret": None,
        "phone_number": None,
        "api_version": None,
        "metadata": {"team": "sales"},
        "created_by": "ada",
        "updated_by": "ada",
        "tested_at": None,
        "test_result": None,
        "test_message": None,
        "expires_at": None,
    }
    assert body["sms"]["provider"] == "twilio"
    assert (body["sms"]["account_sid"], body["sms"]["auth_token"]) == ("***cdef", "***3210")


def test_tenant_is_named_by_id_or_slug(api: APIClient, tenant: Tenant, url: str) -> None:
    api.post(f"/api/platform/tenants/{tenant.slug}/integrations/n8n", N8N)
    assert api.get(f"{url}/n8n").json() == api.get(f"/api/platform/tenants/{tenant.slug}/integrations/n8n").json()


def test_post_creates_once(api: APIClient, url: str) -> None:
    created = api.post(f"{url}/whatsapp", WHATSAPP)
    assert created.status_code == 201
    assert created.json() == api.get(f"{url}/whatsapp").json()
    again = api.post(f"{url}/whatsapp", {**WHATSAPP, "phone_number_id": "42"})
    assert again.status_code == 409
    assert again["Content-Type"] == "application/problem+json"
    assert api.get(f"{url}/whatsapp").json()["phone_number_id"] == "106540352242922"


def test_put_creates_then_replaces(api: APIClient, url: str) -> None:
    created = api.put(f"{url}/n8n", {**N8N, "api_url": "https://n8n.example.com", "api_key": "n8n_api_key_of_ours"})
    assert created.status_code == 201
    replaced = api.put(f"{url}/n8n", N8N)
    assert replaced.status_code == 200
    body = replaced.json()
    assert body["id"] == created.json()["id"]
    assert (body["api_url"], body["api_key"], body["version"]) == (None, "***ours", 2)


def test_put_with_nothing_new_changes_nothing(api: APIClient, url: str) -> None:
    first = api.put(f"{url}/whatsapp", WHATSAPP).json()
    assert api.put(f"{url}/whatsapp", WHATSAPP).json() == first
    assert api.put(f"{url}/whatsapp", {**WHATSAPP, "access_token": ""}).json() == first
    assert ActivityLog.objects.filter(object_kind="integration").count() == 1


def test_patch_changes_only_what_is_given(api: APIClient, url: str) -> None:
    before = api.post(f"{url}/whatsapp", WHATSAPP).json()
    after = api.patch(f"{url}/whatsapp", {"enabled": False}).json()
    changed = {"enabled": False, "status": "inactive", "version": 2, "updated_at": after["updated_at"]}
    assert after == {**before, **changed}
    assert api.patch(f"{url}/whatsapp", {}).json() == after


def test_patch_clears_an_optional_secret_by_null(api: APIClient, url: str) -> None:
    api.post(f"{url}/n8n", {**N8N, "api_key": "n8n_api_key_of_ours"})
    assert api.patch(f"{url}/n8n", {"api_key": None}).json()["api_key"] is None
    assert "api_key" not in Integration.objects.get().config


def test_delete_empties_the_slot(api: APIClient, url: str) -> None:
    api.post(f"{url}/whatsapp", WHATSAPP)
    gone = api.delete(f"{url}/whatsapp")
    assert (gone.status_code, gone.content) == (204, b"")
    assert api.get(f"{url}/whatsapp").status_code == 404
    assert api.delete(f"{url}/whatsapp").status_code == 404
    assert api.get(url).json()["whatsapp"] is None
    assert api.post(f"{url}/whatsapp", WHATSAPP).status_code == 201


def test_sms_can_switch_to_another_provider_and_keeps_its_id(
    api: APIClient, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny_provider(monkeypatch)
    before = api.post(f"{url}/sms", TWILIO).json()
    refused = api.put(f"{url}/sms", {"provider": "tiny"})
    assert refused.json()["errors"] == {"pass_phrase": ["This field is required."]}
    assert api.get(f"{url}/sms").json() == before
    after = api.put(f"{url}/sms", {"provider": "tiny", "pass_phrase": "open sesame"}).json()
    assert (after["id"], after["provider"], after["pass_phrase"], after["region"]) == (
        before["id"],
        "tiny",
        "***",
        None,
    )
    assert after["auth_token"] is None
    assert "account_sid" not in after
    assert Integration.objects.get().config.keys() == {"pass_phrase"}


def test_new_provider_works_when_it_is_only_registered(
    api: APIClient, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny_provider(monkeypatch)
    created = api.post(f"{url}/sms", {"provider": "tiny", "pass_phrase": "a long pass phrase", "region": "eu"})
    assert created.status_code == 201
    assert (created.json()["pass_phrase"], created.json()["region"]) == ("***rase", "eu")
    assert api.patch(f"{url}/sms", {"pass_phrase": "Open!"}).json()["errors"] == {
        "pass_phrase": ["Small letters and spaces."]
    }
    assert api.get(url).json()["sms"]["name"] == "Tiny"


def test_map_issues_the_same_number_of_queries_for_no_row_and_for_all(
    api: APIClient, url: str, tenant: Tenant, admin_actor: Actor
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert api.get(url).status_code == 200
        return len(captured)

    create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)
    with_one = queries()
    twilio = {name: value for name, value in TWILIO.items() if name != "provider"}
    create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=twilio)
    create_integration(actor=admin_actor, tenant=tenant, provider="n8n", values={**N8N, "api_key": "x" * 50})
    assert queries() == with_one


# --- Secrets that do not open ---------------------------------------------------------------------------------------


@pytest.fixture
def tampered(tenant: Tenant, admin_actor: Actor) -> Integration:
    made = create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_integration SET config = jsonb_set(config, '{access_token,$encrypted}',"
            " to_jsonb(left(config #>> '{access_token,$encrypted}', -4) || '0000'))"
        )
    return made


def test_tampered_secret_is_null_and_marks_the_integration(api: APIClient, url: str, tampered: Integration) -> None:
    for _ in range(2):
        body = api.get(url).json()["whatsapp"]
        assert (body["access_token"], body["unreadable"]) == (None, ["access_token"])
        assert (body["health"], body["status"]) == ("unreadable", "error")
        assert body["phone_number_id"] == "106540352242922"
    assert Integration.objects.get().health == Health.UNREADABLE


def test_tampered_secret_is_healed_by_storing_it_again(api: APIClient, url: str, tampered: Integration) -> None:
    api.get(url)
    healed = api.patch(f"{url}/whatsapp", {"access_token": TOKEN}).json()
    assert (healed["access_token"], healed["health"]) == ("EAATestAcc***456789", "unknown")
    assert "unreadable" not in healed


def test_missing_key_answers_503_and_marks_nothing(
    api: APIClient, url: str, tenant: Tenant, admin_actor: Actor, settings: Any
) -> None:
    create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)
    settings.ENCRYPTION_KEY = "f" * 64
    forget_data_keys()
    for answer in (api.get(url), api.get(f"{url}/whatsapp"), api.patch(f"{url}/whatsapp", {"access_token": "EAAx"})):
        assert answer.status_code == 503
        assert answer.json()["detail"] == "A stored secret cannot be opened at the moment. Try again later."
    assert Integration.objects.get().health == Health.UNKNOWN
