"""Replacing credentials: tested first, the old ones kept, put back."""

from __future__ import annotations

import re
from typing import Any

import pytest
import responses
from django.db import connection

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionFailedError
from integrations.models import CredentialVersion, Integration, Tenant
from integrations.services.credential_rotation import restore_version, rotate_credentials
from integrations.services.integrations import change_integration, create_integration
from integrations.services.tenants import create_tenant

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("ada")
FIRST, SECOND, THIRD = (f"EAATestAccessTokenNumber{word}OfThisTenant0123456789" for word in ("One", "Two", "Three"))
META = "https://graph.facebook.com"


@pytest.fixture
def whatsapp(tenant: Tenant) -> Integration:
    values = {"phone_number_id": "42", "access_token": FIRST}
    return create_integration(actor=ACTOR, tenant=tenant, provider="whatsapp", values=values)


def rotate(integration: Integration, token: str, **more: Any) -> Integration:
    return rotate_credentials(
        actor=ACTOR, tenant=integration.tenant, integration=integration, values={"access_token": token}, **more
    )


def change(integration: Integration, **values: Any) -> Integration:
    return change_integration(actor=ACTOR, integration=integration, values=values)


def token() -> str:
    return str(Integration.objects.get().config["access_token"].reveal())


def kept() -> list[tuple[int, str]]:
    versions = CredentialVersion.objects.order_by("-number")
    return [(version.number, version.config["access_token"].reveal()) for version in versions]


def meta_answers(status: int, body: Any) -> None:

    responses.add(responses.GET, re.compile(f"{META}/.*"), json=body, status=status)


@responses.activate
def test_stores_what_proved_itself_and_keeps_what_was_there(whatsapp: Integration) -> None:
    meta_answers(200, {"id": "42", "display_phone_number": "+1 555 0100", "verified_name": "Acme"})
    rotated = rotate(whatsapp, SECOND)
    assert (token(), rotated.version, rotated.credential_version) == (SECOND, 2, 2)
    assert rotated.config["phone_number_id"] == "42"
    assert kept() == [(1, FIRST)]
    assert responses.calls[0].request.headers["Authorization"] == f"Bearer {SECOND}"


@responses.activate
@pytest.mark.parametrize("status", [401, 500])
def test_stores_nothing_that_did_not_prove_itself(whatsapp: Integration, status: int) -> None:
    meta_answers(status, {"error": {"message": "no", "code": 190 if status == 401 else 1}})
    with pytest.raises(InvalidInputError) as refused:
        rotate(whatsapp, SECOND)
    (reason,) = refused.value.errors["connection"]
    assert "The credentials in use were kept." in reason
    assert SECOND not in reason
    assert (token(), kept(), Integration.objects.get().version) == (FIRST, [], 1)
    assert Integration.objects.get().health == "unknown"


def test_stores_untested_on_request(whatsapp: Integration) -> None:
    rotate(whatsapp, SECOND, untested=True)
    assert (token(), kept()) == (SECOND, [(1, FIRST)])


@responses.activate
def test_who_changed_it_meanwhile_wins(whatsapp: Integration) -> None:
    def meanwhile(_request: Any) -> tuple[int, dict[str, str], str]:
        change(whatsapp, access_token=THIRD)
        return 200, {}, '{"id": "42", "display_phone_number": "+1 555 0100", "verified_name": "Acme"}'

    responses.add_callback(responses.GET, re.compile(f"{META}/.*"), callback=meanwhile)
    with pytest.raises(PreconditionFailedError):
        rotate(whatsapp, SECOND)
    assert (token(), kept()) == (THIRD, [(1, FIRST)])


def test_the_newest_few_are_kept(whatsapp: Integration, settings: Any) -> None:
    settings.CREDENTIAL_VERSIONS_KEPT = 2
    for number in range(4):
        change(whatsapp, access_token=f"{SECOND}{number}")
    assert kept() == [(4, f"{SECOND}2"), (3, f"{SECOND}1")]
    settings.CREDENTIAL_VERSIONS_KEPT = 0
    change(whatsapp, access_token=THIRD)
    assert kept() == []


def test_public_fields_alone_make_no_version(whatsapp: Integration) -> None:
    change(whatsapp, phone_number_id="43")
    assert kept() == []


def test_is_stored_encrypted_for_its_own_row(whatsapp: Integration) -> None:
    change(whatsapp, access_token=SECOND)
    with connection.cursor() as cursor:
        cursor.execute("SELECT config::text FROM integrations_credentialversion")
        (stored,) = cursor.fetchone()
    assert FIRST not in stored
    assert '"access_token": {"$encrypted": "v1:' in stored


def test_is_put_back_and_the_one_in_use_is_kept(whatsapp: Integration) -> None:
    change(whatsapp, access_token=SECOND, app_secret="0" * 32, phone_number_id="43")
    (version,) = CredentialVersion.objects.all()
    restored = restore_version(actor=ACTOR, integration=whatsapp, version_id=version.id)
    assert (token(), restored.config["phone_number_id"]) == (FIRST, "42")
    assert restored.config.get("app_secret") is None
    assert kept() == [(2, SECOND), (1, FIRST)]
    again = restore_version(actor=ACTOR, integration=whatsapp, version_id=version.id)
    assert again.version == restored.version


def test_another_providers_credentials_are_put_back(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.integrations.providers.tiny import use_tiny_provider

    use_tiny_provider(monkeypatch)
    twilio = {"account_sid": "AC" + "0a1b2c3d" * 4, "auth_token": "f0" * 16, "phone_number": "+15550100300"}
    row = create_integration(actor=ACTOR, tenant=tenant, provider="twilio", values=twilio)
    change_integration(actor=ACTOR, integration=row, provider="tiny", values={"pass_phrase": "open sesame"})
    restored = restore_version(actor=ACTOR, integration=row, version_id=CredentialVersion.objects.get().id)
    assert restored.provider == "twilio"
    assert restored.config["auth_token"].reveal() == twilio["auth_token"]


def test_refuses_versions_of_others_and_those_that_do_not_open(whatsapp: Integration, tenant: Tenant) -> None:
    change(whatsapp, access_token=SECOND)
    version = CredentialVersion.objects.get()
    other = create_integration(
        actor=ACTOR,
        tenant=create_tenant(actor=ACTOR, name="Other", slug="other"),
        provider="n8n",
        values={"base_url": "https://n8n.example.com/webhook"},
    )
    with pytest.raises(NotFoundError, match="not kept any more"):
        restore_version(actor=ACTOR, integration=other, version_id=version.id)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_credentialversion SET config = jsonb_set(config, '{access_token}',"
            " (SELECT config->'access_token' FROM integrations_integration WHERE id = %s))",
            [whatsapp.id],
        )
    with pytest.raises(ConflictError, match="no longer open"):
        restore_version(actor=ACTOR, integration=whatsapp, version_id=version.id)
    assert Integration.objects.get(id=whatsapp.id).config["access_token"].reveal() == SECOND
