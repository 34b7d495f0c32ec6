"""Creating, replacing, changing and deleting integrations: what is stored, what is logged, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from integrations.activity.actor import Actor
from integrations.encryption.secret import Secret
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.models import ActivityLog, Health, Integration, Tenant, User
from integrations.services.integrations import (
    change_integration,
    create_integration,
    delete_integration,
    provider_for_slot,
    put_integration,
    replace_integration,
)
from integrations.services.tenants import delete_tenant
from tests.integrations.providers.tiny import use_tiny_provider

TOKEN = "EAATestAccessTokenForDocumentationOnly123456789"
WHATSAPP = {"phone_number_id": "106540352242922", "access_token": TOKEN}
TWILIO = {
    "account_sid": "AC0123456789abcdef0123456789abcdef",
    "auth_token": "0123456789abcdef0123456789abcdef",
    "phone_number": "+15005550006",
}


@pytest.fixture
def whatsapp(tenant: Tenant, admin_actor: Actor) -> Integration:
    return create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)


def stored(integration: Integration) -> Integration:
    return Integration.objects.get(id=integration.id)


def revealed(integration: Integration) -> dict[str, Any]:
    config = stored(integration).config
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in config.items()}


def entries(integration: Integration) -> list[tuple[str, list[str]]]:
    rows = ActivityLog.objects.filter(object_id=integration.id).order_by("id")
    return [(row.verb, row.changed_fields) for row in rows]


def test_create_stores_secrets_encrypted_and_says_who(
    tenant: Tenant, whatsapp: Integration, platform_admin: User
) -> None:
    row = stored(whatsapp)
    assert revealed(whatsapp) == WHATSAPP
    assert (row.tenant_id, row.provider, row.slot, row.owner_id, row.is_default) == (
        tenant.id,
        "whatsapp",
        "whatsapp",
        None,
        True,
    )
    assert (row.name, row.enabled, row.health, row.version, row.status) == (
        "WhatsApp",
        True,
        Health.UNKNOWN,
        1,
        "active",
    )
    assert (row.created_by_id, row.created_by_name, row.updated_by_name) == (platform_admin.id, "ada", "ada")
    with connection.cursor() as cursor:
        cursor.execute("SELECT config::text FROM integrations_integration WHERE id = %s", [row.id])
        (text,) = cursor.fetchone()
    assert TOKEN not in text
    assert "106540352242922" in text
    assert entries(whatsapp) == [("integration.created", ["access_token", "name", "phone_number_id"])]


def test_create_is_refused_when_the_slot_is_filled(tenant: Tenant, whatsapp: Integration, admin_actor: Actor) -> None:
    with pytest.raises(ConflictError, match="whatsapp has an integration already"):
        create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)
    assert Integration.objects.count() == 1
    assert ActivityLog.objects.filter(verb="integration.created").count() == 1


def test_create_fills_the_same_slot_of_another_tenant(
    other_tenant: Tenant, whatsapp: Integration, admin_actor: Actor
) -> None:
    other = create_integration(actor=admin_actor, tenant=other_tenant, provider="whatsapp", values=WHATSAPP)
    assert revealed(other) == revealed(whatsapp) == WHATSAPP


def test_create_names_every_wrong_field_at_once_and_stores_nothing(tenant: Tenant, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refused:
        create_integration(
            actor=admin_actor,
            tenant=tenant,
            provider="whatsapp",
            values={"phone_number_id": "x", "tocken": TOKEN},
            enabled="yes",  # type: ignore[arg-type]
            metadata=["x"],  # type: ignore[arg-type]
        )
    assert set(refused.value.errors) == {"phone_number_id", "access_token", "tocken", "enabled", "metadata"}
    assert TOKEN not in str(refused.value)
    assert not Integration.objects.exists()


def test_create_is_refused_for_an_unknown_provider(tenant: Tenant, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refused:
        create_integration(actor=admin_actor, tenant=tenant, provider="carrier_pigeon", values={})
    assert refused.value.errors == {"provider": ["There is no such provider."]}


def test_create_is_refused_for_a_deleted_tenant(tenant: Tenant, admin_actor: Actor) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)
    for provider, values in (("whatsapp", WHATSAPP), ("n8n", {"base_url": "https://n8n.example.com"})):
        with pytest.raises(NotFoundError):
            create_integration(actor=admin_actor, tenant=tenant, provider=provider, values=values)
    assert not Integration.objects.exists()


def test_change_writes_only_what_is_given(whatsapp: Integration, admin_actor: Actor) -> None:
    before = stored(whatsapp)
    after = change_integration(
        actor=Actor.system("nightly"), integration=whatsapp, values={"phone_number_id": "42"}, description="Sales"
    )
    assert revealed(whatsapp) == {**WHATSAPP, "phone_number_id": "42"}
    assert after.config["access_token"].masked() == "EAATestAcc***456789"
    assert (after.version, after.updated_by_id, after.updated_by_name) == (2, None, "nightly")
    assert after.updated_at > before.updated_at
    assert (after.created_by_name, after.created_at) == (before.created_by_name, before.created_at)
    assert entries(whatsapp)[1:] == [("integration.updated", ["description", "phone_number_id"])]


def test_change_keeps_the_ciphertext_of_a_secret_when_blank(whatsapp: Integration, admin_actor: Actor) -> None:
    ciphertext = stored(whatsapp).config["access_token"].stored
    change_integration(actor=admin_actor, integration=whatsapp, values={"phone_number_id": "42", "access_token": " "})
    assert stored(whatsapp).config["access_token"].stored == ciphertext
    assert entries(whatsapp)[-1] == ("integration.updated", ["phone_number_id"])


def test_edit_writes_nothing_when_it_changes_nothing(whatsapp: Integration, admin_actor: Actor) -> None:
    before = stored(whatsapp)
    same = {"name": "WhatsApp", "description": "", "enabled": True, "metadata": {}}
    change_integration(actor=admin_actor, integration=whatsapp, values={})
    change_integration(actor=admin_actor, integration=whatsapp, values={**WHATSAPP, "access_token": ""}, **same)
    change_integration(actor=admin_actor, integration=whatsapp, values=WHATSAPP, **same)
    replace_integration(actor=admin_actor, integration=whatsapp, provider="whatsapp", values=WHATSAPP, **same)
    after = stored(whatsapp)
    assert (after.version, after.updated_at) == (before.version, before.updated_at)
    assert after.config["access_token"].stored == before.config["access_token"].stored
    assert [verb for verb, _ in entries(whatsapp)] == ["integration.created"]


def test_edit_reads_the_row_again_when_the_callers_copy_is_stale(whatsapp: Integration, admin_actor: Actor) -> None:
    stale = stored(whatsapp)
    change_integration(actor=admin_actor, integration=whatsapp, values={"access_token": "EAAnewer"}, name="Newer")
    stale.name = stale.description = "typed into a form, not saved"
    after = change_integration(actor=admin_actor, integration=stale, values={"phone_number_id": "42"})
    assert (after.name, after.description, after.version) == ("Newer", "", 3)
    assert revealed(whatsapp) == {"phone_number_id": "42", "access_token": "EAAnewer"}


def test_edit_is_refused_when_another_version_was_expected(whatsapp: Integration, admin_actor: Actor) -> None:
    change_integration(actor=admin_actor, integration=whatsapp, values={}, enabled=False)
    with pytest.raises(ConflictError, match="ada changed it in the meantime"):
        change_integration(actor=admin_actor, integration=whatsapp, values={}, enabled=True, expected_version=1)
    assert not stored(whatsapp).enabled
    assert change_integration(
        actor=admin_actor, integration=whatsapp, values={}, enabled=True, expected_version=2
    ).enabled


def test_edit_is_refused_whole_when_one_field_is_wrong(whatsapp: Integration, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refused:
        change_integration(actor=admin_actor, integration=whatsapp, values={"phone_number_id": "42", "app_secret": "x"})
    assert set(refused.value.errors) == {"app_secret"}
    assert revealed(whatsapp) == WHATSAPP
    assert stored(whatsapp).version == 1


def test_replace_clears_public_fields_that_are_left_out(whatsapp: Integration, admin_actor: Actor) -> None:
    values = {"phone_number_id": "106540352242922", "business_account_id": "7", "app_secret": "0" * 32}
    change_integration(actor=admin_actor, integration=whatsapp, values=values, metadata={"team": "sales"})
    after = replace_integration(
        actor=admin_actor, integration=whatsapp, provider="whatsapp", values={"phone_number_id": "8"}
    )
    assert revealed(whatsapp) == {"phone_number_id": "8", "access_token": TOKEN, "app_secret": "0" * 32}
    assert (after.metadata, after.enabled, after.name) == ({"team": "sales"}, True, "WhatsApp")
    assert entries(whatsapp)[-1] == ("integration.updated", ["business_account_id", "phone_number_id"])


def test_disabling_is_possible_when_stored_fields_break_newer_rules(
    tenant: Tenant, admin_actor: Actor, settings: Any
) -> None:
    made = create_integration(
        actor=admin_actor, tenant=tenant, provider="n8n", values={"base_url": "http://n8n.example.com"}
    )
    settings.OUTBOUND_REQUIRE_HTTPS = True
    assert not change_integration(actor=admin_actor, integration=made, values={}, enabled=False).enabled


def test_name_falls_back_to_the_provider_when_blank(whatsapp: Integration, admin_actor: Actor) -> None:
    assert change_integration(actor=admin_actor, integration=whatsapp, values={}, name=" Sales ").name == "Sales"
    assert change_integration(actor=admin_actor, integration=whatsapp, values={}, name="").name == "WhatsApp"


@pytest.mark.parametrize("known", [Health.OK, Health.FAILING, Health.REAUTH_REQUIRED])
def test_health_is_unknown_again_when_credentials_change(
    whatsapp: Integration, admin_actor: Actor, known: Health
) -> None:
    Integration.objects.update(health=known)
    assert change_integration(actor=admin_actor, integration=whatsapp, values={}, name="Sales").health == known
    assert (
        change_integration(actor=admin_actor, integration=whatsapp, values={"access_token": "EAAx"}).health == "unknown"
    )


def test_delete_removes_the_row_and_says_so(whatsapp: Integration, admin_actor: Actor) -> None:
    delete_integration(actor=admin_actor, integration=whatsapp)
    assert not Integration.objects.exists()
    assert [verb for verb, _ in entries(whatsapp)] == ["integration.created", "integration.deleted"]
    assert ActivityLog.objects.get(verb="integration.deleted").object_name == "WhatsApp"


def test_every_edit_is_refused_when_the_integration_is_gone(whatsapp: Integration, admin_actor: Actor) -> None:
    delete_integration(actor=admin_actor, integration=whatsapp)
    for edit in (
        lambda: change_integration(actor=admin_actor, integration=whatsapp, values={}),
        lambda: replace_integration(actor=admin_actor, integration=whatsapp, provider="whatsapp", values=WHATSAPP),
        lambda: delete_integration(actor=admin_actor, integration=whatsapp),
    ):
        with pytest.raises(NotFoundError):
            edit()


def test_put_creates_then_replaces(tenant: Tenant, admin_actor: Actor) -> None:
    first, was_created = put_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)
    assert was_created
    second, was_created = put_integration(
        actor=admin_actor, tenant=tenant, provider="whatsapp", values={"phone_number_id": "42"}
    )
    assert not was_created
    assert second.id == first.id
    assert revealed(second) == {"phone_number_id": "42", "access_token": TOKEN}


# --- Switching the provider of a slot -------------------------------------------------------------------------------


@pytest.fixture
def sms(tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch) -> Integration:
    """A Twilio integration in a world in which a second SMS provider exists."""
    use_tiny_provider(monkeypatch)
    return create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=TWILIO)


@pytest.mark.parametrize("verb", ["put", "patch"])
def test_switch_keeps_the_row_and_drops_the_old_fields(sms: Integration, admin_actor: Actor, verb: str) -> None:
    Integration.objects.update(health=Health.OK)
    edit = replace_integration if verb == "put" else change_integration
    after = edit(actor=admin_actor, integration=sms, provider="tiny", values={"pass_phrase": "open sesame"})
    assert (after.id, after.provider, after.slot, after.name) == (sms.id, "tiny", "sms", "Tiny")
    assert (after.health, after.version) == ("unknown", 2)
    assert revealed(sms) == {"pass_phrase": "open sesame"}
    assert entries(sms)[-1] == ("integration.provider_switched", ["name", "pass_phrase"])
    assert ActivityLog.objects.get(verb="integration.provider_switched").detail == "from twilio to tiny"


def test_switch_needs_all_required_fields_of_the_other_provider(sms: Integration, admin_actor: Actor) -> None:
    for values in ({}, {"pass_phrase": ""}, {"phone_number": "+15005550006"}):
        with pytest.raises(InvalidInputError) as refused:
            replace_integration(actor=admin_actor, integration=sms, provider="tiny", values=values)
        assert refused.value.errors["pass_phrase"] == ["This field is required."]
    assert revealed(sms) == TWILIO


def test_switch_keeps_a_name_that_a_person_gave(sms: Integration, admin_actor: Actor) -> None:
    change_integration(actor=admin_actor, integration=sms, values={}, name="Support line")
    after = replace_integration(
        actor=admin_actor, integration=sms, provider="tiny", values={"pass_phrase": "open sesame"}
    )
    assert after.name == "Support line"


def test_switch_is_refused_to_a_provider_of_another_slot(sms: Integration, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refused:
        replace_integration(actor=admin_actor, integration=sms, provider="whatsapp", values=WHATSAPP)
    assert refused.value.errors == {"provider": ["WhatsApp does not belong to the slot sms."]}
    assert revealed(sms) == TWILIO


def test_provider_must_be_named_only_where_a_slot_is_shared() -> None:
    assert provider_for_slot(slot="whatsapp", named=None) == "whatsapp"
    assert provider_for_slot(slot="sms", named="twilio") == "twilio"
    for named in (None, "whatsapp", 5, ["twilio"], ""):
        with pytest.raises(InvalidInputError) as refused:
            provider_for_slot(slot="sms", named=named)
        assert refused.value.errors["provider"][0].endswith("name one of twilio, vonage, aws_sns.")
    with pytest.raises(NotFoundError, match="no slot fax"):
        provider_for_slot(slot="fax", named=None)
