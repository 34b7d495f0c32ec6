"""Several people at once, and secrets that cannot be opened."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, connection

from integrations.activity.actor import Actor
from integrations.encryption.data_keys import forget_data_keys
from integrations.encryption.errors import KeyNotAtHandError, UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.errors import ConflictError
from integrations.models import ActivityLog, Health, Integration, Tenant
from integrations.queries import shown_config
from integrations.services.integrations import (
    change_integration,
    create_integration,
    put_integration,
    replace_integration,
)

TOKEN = "EAATestAccessTokenForDocumentationOnly123456789"
WHATSAPP = {"phone_number_id": "106540352242922", "access_token": TOKEN, "app_secret": "0" * 32}


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """Run the deeds in threads that start together; return what each returned, or the refusal it met."""
    barrier = Barrier(len(deeds))

    def run(deed: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=10)
            return deed()
        except (ConflictError, DatabaseError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


@pytest.mark.django_db(transaction=True)
def test_one_of_many_creates_wins_when_they_race(tenant: Tenant, admin_actor: Actor) -> None:
    def create() -> Integration:
        return create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)

    outcomes = at_once(*[create] * 6)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError"] * 5 + ["Integration"]
    assert Integration.objects.count() == 1
    assert ActivityLog.objects.filter(verb="integration.created").count() == 1


@pytest.mark.django_db(transaction=True)
def test_every_put_succeeds_when_they_race_for_an_empty_slot(tenant: Tenant, admin_actor: Actor) -> None:
    def put(number: int) -> tuple[Integration, bool]:
        values = {**WHATSAPP, "phone_number_id": str(number)}
        return put_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=values)

    outcomes = at_once(*[lambda number=number: put(number) for number in range(1, 6)])
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert sorted(created for _, created in outcomes) == [False] * 4 + [True]
    assert Integration.objects.get().version == 5


@pytest.mark.django_db(transaction=True)
def test_no_edit_is_lost_when_they_touch_different_fields(tenant: Tenant, admin_actor: Actor) -> None:
    made = create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)
    edits: list[dict[str, Any]] = [
        {"values": {"access_token": "EAAnew"}},
        {"values": {"app_secret": "1" * 32}},
        {"values": {"phone_number_id": "42"}},
        {"values": {"business_account_id": "7"}},
        {"values": {}, "metadata": {"team": "sales"}},
        {"values": {}, "enabled": False},
    ]
    outcomes = at_once(
        *[lambda edit=edit: change_integration(actor=admin_actor, integration=made, **edit) for edit in edits]
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    row = Integration.objects.get()
    assert {name: value.reveal() if isinstance(value, Secret) else value for name, value in row.config.items()} == {
        "phone_number_id": "42",
        "business_account_id": "7",
        "access_token": "EAAnew",
        "app_secret": "1" * 32,
    }
    assert (row.version, row.enabled, row.metadata) == (7, False, {"team": "sales"})
    assert ActivityLog.objects.filter(verb="integration.updated").count() == 6


@pytest.mark.django_db(transaction=True)
def test_only_one_edit_wins_when_all_expect_the_same_version(tenant: Tenant, admin_actor: Actor) -> None:
    made = create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)

    def rename(number: int) -> Integration:
        return change_integration(
            actor=admin_actor, integration=made, values={}, name=f"Name {number}", expected_version=1
        )

    outcomes = at_once(*[lambda number=number: rename(number) for number in range(4)])
    assert sorted(isinstance(outcome, ConflictError) for outcome in outcomes) == [False, True, True, True]
    assert Integration.objects.get().version == 2


# --- Secrets that do not open ---------------------------------------------------------------------------------------


@pytest.fixture
def broken(tenant: Tenant, admin_actor: Actor) -> Integration:
    """An integration whose access token was tampered with, and that has been marked."""
    made = create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)
    tamper(made, "access_token")
    Integration.objects.filter(id=made.id).update(health=Health.UNREADABLE)
    return Integration.objects.get(id=made.id)


def tamper(integration: Integration, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_integration SET config = jsonb_set(config, array[%s, '$encrypted'], "
            "to_jsonb(overlay(config -> %s ->> '$encrypted' placing '0000' from "
            "length(config -> %s ->> '$encrypted') - 3))) WHERE id = %s",
            [name, name, name, integration.id],
        )


def test_tampered_secret_is_shown_as_unreadable_and_the_others_masked(broken: Integration) -> None:
    config = shown_config(broken)
    assert config.values["access_token"] is None
    assert config.values["app_secret"] == "***0000"
    assert list(config.unreadable) == ["access_token"]
    assert isinstance(config.unreadable["access_token"], UnreadableSecretError)


def test_other_fields_change_and_the_ciphertext_stays_when_a_secret_does_not_open(
    broken: Integration, admin_actor: Actor
) -> None:
    ciphertext = broken.config["access_token"].stored
    after = change_integration(
        actor=admin_actor, integration=broken, values={"phone_number_id": "42", "access_token": ""}, enabled=False
    )
    assert after.health == Health.UNREADABLE
    row = Integration.objects.get()
    assert (row.config["phone_number_id"], row.enabled, row.health) == ("42", False, Health.UNREADABLE)
    assert row.config["access_token"].stored == ciphertext


@pytest.mark.parametrize("edit", [change_integration, replace_integration])
def test_storing_the_secret_again_heals_the_integration(broken: Integration, admin_actor: Actor, edit: Any) -> None:
    after = edit(actor=admin_actor, integration=broken, provider="whatsapp", values={**WHATSAPP, "app_secret": ""})
    assert after.health == Health.UNKNOWN
    assert Integration.objects.get().config["access_token"].reveal() == TOKEN
    assert ActivityLog.objects.get(verb="integration.updated").changed_fields == ["access_token"]


def test_process_without_the_key_changes_and_marks_nothing(tenant: Tenant, admin_actor: Actor, settings: Any) -> None:
    made = create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)
    settings.ENCRYPTION_KEY = "f" * 64
    forget_data_keys()
    with pytest.raises(KeyNotAtHandError):
        shown_config(Integration.objects.get())
    with pytest.raises(KeyNotAtHandError):
        change_integration(actor=admin_actor, integration=made, values={"access_token": "EAAnew"})
    row = Integration.objects.get()
    assert (row.health, row.version) == (Health.UNKNOWN, 1)


def test_disabling_needs_no_key(tenant: Tenant, admin_actor: Actor, settings: Any) -> None:
    made = create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)
    settings.ENCRYPTION_KEY = "f" * 64
    forget_data_keys()
    assert not change_integration(actor=admin_actor, integration=made, values={}, enabled=False).enabled
