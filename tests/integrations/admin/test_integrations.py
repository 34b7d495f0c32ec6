from __future__ import annotations

import re
import sys
from dataclasses import replace
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Integration, Tenant
from integrations.providers import registry
from integrations.providers.registry import get_provider
from integrations.services.integrations import change_integration, create_integration

ADD = "/admin/integrations/integration/add/"
TOKEN = "EAATestAccessTokenThatIsLongEnoughToMask123456789"
WHATSAPP = {"phone_number_id": "109876543210987", "business_account_id": "123456789012345", "access_token": TOKEN}
TWILIO = {
    "account_sid": "AC" + "0a1b2c3d" * 4,
    "auth_token": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
    "phone_number": "+15550100300",
}


@pytest.fixture
def whatsapp(tenant: Tenant, admin_actor: Actor) -> Integration:
    return create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)


@pytest.fixture
def twilio(tenant: Tenant, admin_actor: Actor) -> Integration:
    return create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=TWILIO)


def change_url(integration: Integration) -> str:
    return reverse("admin:integrations_integration_change", args=[integration.pk])


def form_data(**values: str) -> dict[str, str]:
    base = {"name": "WhatsApp", "description": "", "enabled": "on", "metadata": "{}", "capabilities": "send_message"}
    public = {f"config_{name}": value for name, value in WHATSAPP.items() if name != "access_token"}
    return {**base, **public, "config_access_token": "", **values}


def test_adding_asks_first_for_tenant_and_provider(admin_client: Client, tenant: Tenant) -> None:
    page = admin_client.get(ADD)
    assert page.status_code == 200
    assert page.templates[0].name == "admin/integrations/integration/choose_provider.html"


def test_adding_shows_the_fields_of_the_chosen_provider(admin_client: Client, tenant: Tenant) -> None:
    html = admin_client.get(ADD, {"tenant": str(tenant.id), "provider": "n8n"}).content.decode()
    assert 'name="config_base_url"' in html
    assert "config_phone_number_id" not in html


def test_adding_writes_through_the_service(admin_client: Client, tenant: Tenant) -> None:
    url = f"{ADD}?tenant={tenant.id}&provider=whatsapp"
    answer = admin_client.post(url, form_data(config_access_token=TOKEN))
    assert answer.status_code == 302
    made = Integration.objects.get()
    assert (made.tenant, made.slot, made.config["access_token"].reveal()) == (tenant, "whatsapp", TOKEN)
    assert made.created_by_name == "ada"
    assert ActivityLog.objects.filter(verb="integration.created", object_id=made.id).count() == 1


def test_adding_to_a_filled_slot_is_refused_on_the_form(
    admin_client: Client, whatsapp: Integration, tenant: Tenant
) -> None:
    url = f"{ADD}?tenant={tenant.id}&provider=whatsapp"
    answer = admin_client.post(url, form_data(config_access_token=TOKEN))
    assert answer.status_code == 200
    assert "has an integration already" in answer.content.decode()
    assert Integration.objects.count() == 1


def test_wrong_value_is_shown_at_its_field_and_nothing_is_written(admin_client: Client, whatsapp: Integration) -> None:
    answer = admin_client.post(change_url(whatsapp), form_data(config_phone_number_id="not a number", name="Renamed"))
    assert answer.status_code == 200
    assert "config_phone_number_id" in answer.context["adminform"].form.errors
    stored = Integration.objects.get()
    assert (stored.name, stored.version) == (whatsapp.name, 1)


def test_page_shows_a_stored_secret_masked_only(admin_client: Client, whatsapp: Integration) -> None:
    html = admin_client.get(change_url(whatsapp)).content.decode()
    assert "Current: EAATestAcc***456789" in html
    assert TOKEN not in html


def test_typed_secret_is_not_echoed_by_an_invalid_form(admin_client: Client, whatsapp: Integration) -> None:
    answer = admin_client.post(
        change_url(whatsapp), form_data(config_access_token="EAATypedButTheFormIsInvalid", config_phone_number_id="x")
    )
    assert answer.status_code == 200
    assert "EAATypedButTheFormIsInvalid" not in answer.content.decode()


def test_blank_secret_is_kept_and_is_no_change(admin_client: Client, whatsapp: Integration) -> None:
    answer = admin_client.post(change_url(whatsapp), form_data(name=whatsapp.name, description="Main number"))
    assert answer.status_code == 302
    whatsapp = Integration.objects.get()
    assert whatsapp.config["access_token"].reveal() == TOKEN
    assert whatsapp.description == "Main number"
    entry = ActivityLog.objects.get(verb="integration.updated")
    assert entry.changed_fields == ["description"]
    assert "token" not in LogEntry.objects.get().get_change_message().lower()


def test_typed_secret_replaces_the_stored_one(admin_client: Client, whatsapp: Integration) -> None:
    fresh = "EAAFreshAccessTokenThatIsLongEnoughToMask987654321"
    admin_client.post(change_url(whatsapp), form_data(name=whatsapp.name, config_access_token=fresh))
    assert Integration.objects.get().config["access_token"].reveal() == fresh
    assert ActivityLog.objects.get(verb="integration.updated").changed_fields == ["access_token"]


def test_optional_secret_can_be_cleared(admin_client: Client, whatsapp: Integration) -> None:
    admin_client.post(change_url(whatsapp), form_data(name=whatsapp.name, config_app_secret="0a" * 16))
    assert Integration.objects.get().config["app_secret"].reveal() == "0a" * 16
    admin_client.post(change_url(whatsapp), form_data(**{"name": whatsapp.name, "config_app_secret-clear": "on"}))
    assert "app_secret" not in Integration.objects.get().config


def test_deleting_goes_through_the_service(admin_client: Client, whatsapp: Integration) -> None:
    url = reverse("admin:integrations_integration_delete", args=[whatsapp.pk])
    assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert Integration.objects.count() == 0
    assert ActivityLog.objects.filter(verb="integration.deleted").count() == 1


OTHER_SMS = replace(registry.get_provider("twilio"), key="other_sms", label="Other SMS")


@pytest.fixture
def _second_sms_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PROVIDERS, "other_sms", f"{__name__}.OTHER_SMS")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


@pytest.mark.usefixtures("_second_sms_provider")
def test_switching_asks_for_a_confirmation_and_keeps_the_row(admin_client: Client, twilio: Integration) -> None:
    assert "Switch provider" in admin_client.get(change_url(twilio)).content.decode()
    url = reverse("admin:integrations_integration_switch_provider", args=[twilio.pk])
    assert "Other SMS" in admin_client.get(url).content.decode()
    confirm = admin_client.get(url, {"provider": "other_sms"}).content.decode()
    assert "Replace Twilio" in confirm
    assert TWILIO["auth_token"] not in confirm
    assert Integration.objects.get().provider == "twilio"

    fresh = {f"config_{name}": value for name, value in TWILIO.items()}
    answer = admin_client.post(f"{url}?provider=other_sms", {"name": "SMS", "enabled": "on", "metadata": "{}", **fresh})
    assert answer.status_code == 302
    switched = Integration.objects.get()
    assert (switched.pk, switched.provider, switched.slot) == (twilio.pk, "other_sms", "sms")
    assert ActivityLog.objects.filter(verb="integration.provider_switched").count() == 1


@pytest.mark.usefixtures("_second_sms_provider")
def test_switching_without_the_new_providers_secrets_is_refused(admin_client: Client, twilio: Integration) -> None:
    url = reverse("admin:integrations_integration_switch_provider", args=[twilio.pk])
    answer = admin_client.post(f"{url}?provider=other_sms", {"name": "SMS", "enabled": "on", "metadata": "{}"})
    assert answer.status_code == 200
    assert answer.context["form"].errors["config_account_sid"]
    assert Integration.objects.get().provider == "twilio"


def test_switching_is_not_offered_where_no_other_provider_fits(admin_client: Client, whatsapp: Integration) -> None:
    assert "Switch provider" not in admin_client.get(change_url(whatsapp)).content.decode()


def test_tenant_may_be_chosen_by_its_slug(admin_client: Client, tenant: Tenant) -> None:
    page = admin_client.get(ADD, {"tenant": "", "slug": f" {tenant.slug.upper()} ", "provider": "n8n"})
    assert 'name="config_base_url"' in page.content.decode()
    for given, said in (({"slug": "nobody"}, "slug"), ({}, "tenant"), ({"slug": "nul\0"}, "slug")):
        page = admin_client.get(ADD, {**given, "provider": "n8n"})
        assert list(page.context["form"].errors) == [said]


def test_rarely_needed_fields_are_folded_away_until_they_have_a_value(
    admin_client: Client, whatsapp: Integration, admin_actor: Actor
) -> None:
    def folded() -> list[str]:
        fieldsets = admin_client.get(change_url(whatsapp)).context["adminform"]
        return [fieldset.name for fieldset in fieldsets if fieldset.is_collapsible]

    assert folded() == ["Webhooks from Meta", "Further settings", "Metadata"]
    change_integration(actor=admin_actor, integration=whatsapp, values={"webhook_verify_token": "a-text"})
    assert folded() == ["Further settings", "Metadata"]


def test_examples_fill_in_what_is_public(admin_client: Client, tenant: Tenant) -> None:
    html = admin_client.get(ADD, {"tenant": str(tenant.id), "provider": "custom"}).content.decode()
    fill_in = re.findall(r'<a href="(\?tenant=[^"]*)">Fill in</a>', html)
    assert len(fill_in) == len(get_provider("custom").examples)
    assert "key_example0123456789abcdef" in html  # an example of a token is shown, and not filled in
    filled = admin_client.get(f"{ADD}{unescape(fill_in[0])}").content.decode()
    assert 'value="https://api.retellai.com"' in filled
    assert '<option value="bearer" selected>' in filled
    assert "key_example" not in fill_in[0]


def test_replacing_asks_for_what_the_authentication_has(
    admin_client: Client, tenant: Tenant, admin_actor: Actor
) -> None:
    values = {"base_url": "https://api.example.com", "auth_type": "bearer", "token": "a-token"}
    custom = create_integration(actor=admin_actor, tenant=tenant, provider="custom", values=values)
    page = admin_client.get(reverse("admin:integrations_integration_rotate", args=[custom.pk]))
    assert list(page.context["form"].fields) == [
        *("config_token", "config_credentials", "config_headers", "config_graphql_variables"),
        "untested",
    ]
