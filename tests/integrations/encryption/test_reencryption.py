"""Finding the values of a data key and moving them under the active one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.db import connection, models
from django.test.utils import isolate_apps

from integrations.activity.actor import Actor
from integrations.encryption import reencryption
from integrations.encryption.data_keys import create_data_key
from integrations.encryption.fields import EncryptedJSONField, EncryptedTextField, SealedModel
from integrations.encryption.models import DataKey, DataKeyState
from integrations.encryption.reencryption import count_rows, count_values, models_with_secrets, move_values
from integrations.encryption.secret import Secret
from integrations.ids import uuid7
from integrations.models import Integration, StaffDevice, Tenant, User
from tests.integrations.encryption.stored_values import (
    ACCESS_TOKEN,
    APP_SECRET,
    AUTH_TOKEN,
    HEADER,
    SIGNING_SECRET,
    damage,
    overwrite,
    stored,
)
from webhooks.models import Webhook


def retire(tenant: Tenant | None) -> DataKey:
    """Retire the active key of a tenant or the platform, make its successor and return the old one."""
    keys = DataKey.objects.filter(state=DataKeyState.ACTIVE)
    old = keys.get(tenant=tenant) if tenant is not None else keys.get(tenant__isnull=True)
    DataKey.objects.filter(pk=old.pk).update(state=DataKeyState.RETIRED)
    create_data_key(tenant_id=tenant.pk if tenant is not None else None)
    return old


def move(key: DataKey, batch_size: int = 100) -> reencryption.Moved:
    total = reencryption.Moved()
    for moved in move_values(key, batch_size=batch_size):
        total.add(moved)
    return total


def test_knows_every_model_with_secrets() -> None:
    found = {model._meta.label for model in models_with_secrets()}
    assert {"integrations.Integration", "integrations.StaffDevice", "webhooks.Receiver", "webhooks.Webhook"} <= found
    assert found == {
        model._meta.label
        for model in apps.get_models()
        if any(type(field).__name__.startswith("Encrypted") for field in model._meta.get_fields())
    }


def test_moves_texts_and_json_secrets_of_every_model(webhook: Webhook, integration: Integration) -> None:
    old = retire(webhook.tenant)
    clear = integration.config["phone_number_id"]

    assert move(old) == reencryption.Moved(5, {})
    loaded, config = Webhook.objects.get(), Integration.objects.get().config
    assert loaded.auth_token is not None
    assert (loaded.auth_token.reveal(), loaded.signing_secret.reveal()) == (AUTH_TOKEN, SIGNING_SECRET)
    assert loaded.headers["X-Key"].reveal() == HEADER
    assert (config["access_token"].reveal(), config["app_secret"].reveal()) == (ACCESS_TOKEN, APP_SECRET)
    assert config["phone_number_id"] == clear
    assert old.id not in count_values()
    assert count_rows(old) == 0


def test_moves_the_platforms_values(platform_admin: User) -> None:
    StaffDevice.objects.create(user=platform_admin, key="JBSWY3DPEHPK3PXP-of-the-test")
    old = retire(None)
    assert count_values()[old.id] == Counter({"integrations.StaffDevice": 1})

    assert move(old).values == 1
    assert StaffDevice.objects.get().key.reveal() == "JBSWY3DPEHPK3PXP-of-the-test"
    assert old.id not in count_values()


def test_leaves_everything_else_of_the_row_as_it_is(integration: Integration) -> None:
    before = Integration.objects.values().get()
    config = json.loads(stored(integration, "config"))
    overwrite(integration, "config", json.dumps({**config, "ratio": 0.1})[:-1] + ', "exact": 1.10000000000000000001}')
    move(retire(integration.tenant))

    after = Integration.objects.values().get()
    assert {**after, "config": None} == {**before, "config": None}
    assert "1.10000000000000000001" in stored(integration, "config")


def test_moves_no_other_owners_values(
    tenant: Tenant, other_tenant: Tenant, make_webhook: Callable[..., Webhook]
) -> None:
    make_webhook(tenant)
    theirs = make_webhook(other_tenant)
    before = stored(theirs, "auth_token")
    move(retire(tenant))

    assert stored(theirs, "auth_token") == before


def test_goes_through_rows_in_batches(tenant: Tenant, make_webhook: Callable[..., Webhook]) -> None:
    for n in range(5):
        make_webhook(tenant, f"webhook-{n}")
    old = retire(tenant)

    assert [moved.values for moved in move_values(old, batch_size=2) if moved.values] == [6, 6, 3]


def test_a_row_that_changed_since_it_was_read_is_left_to_the_next_pass(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock rules it out; the swap alone must hold as well."""
    old = retire(webhook.tenant)
    real = reencryption._swap

    def late(row: SealedModel, replacements: list[Any]) -> bool:
        overwrite(row, "auth_token", None)
        return real(row, replacements)

    monkeypatch.setattr(reencryption, "_swap", late)
    assert move(old) == reencryption.Moved(0, {})
    assert stored(webhook, "auth_token") is None
    monkeypatch.undo()
    assert move(old).values == 2


@pytest.mark.parametrize("column", ["auth_token", "headers"])
def test_names_the_row_of_a_value_that_does_not_open(webhook: Webhook, column: str) -> None:
    json_key = "['X-Key']" if column == "headers" else ""
    damage(webhook, column)
    old = retire(webhook.tenant)
    before = stored(webhook, column)

    moved = move(old)
    assert moved.values == 2
    [reasons] = moved.unreadable.values()
    assert reasons == [
        f"The stored value in webhooks.Webhook.{column}{json_key} of row {webhook.pk} does not open under its key: "
        "it was changed or moved here from another place."
    ]
    assert stored(webhook, column) == before
    assert count_values()[old.id] == Counter({"webhooks.Webhook": 1})
    assert count_rows(old) == 1


def test_names_the_row_of_what_is_no_stored_value(webhook: Webhook) -> None:
    secret = json.loads(stored(webhook, "headers"))["X-Key"]
    old = retire(webhook.tenant)
    move(old)
    overwrite(webhook, "headers", json.dumps({"X-Key": {**secret, "more": 1}}))

    assert move(old).unreadable == {
        ("webhooks.Webhook", webhook.pk): [
            f"webhooks.Webhook {webhook.pk} names the data key in what is no stored value."
        ]
    }


def test_clear_text_that_looks_like_a_value_is_none(integration: Integration) -> None:
    old = retire(integration.tenant)
    integration.config = {"phone_number_id": f"v1:{old.id.hex}:"}
    integration.save()

    assert old.id not in count_values()
    assert count_rows(old) == 0


@pytest.mark.django_db(transaction=True)
def test_a_model_that_is_added_later_is_found(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with isolate_apps("integrations") as later_apps:
        assert isinstance(later_apps, Apps)

        class Later(SealedModel):
            id = models.UUIDField(primary_key=True, default=uuid7)
            tenant_id = models.UUIDField()
            text: Any = EncryptedTextField(null=True)
            document: Any = EncryptedJSONField(default=dict)

            class Meta:
                app_label = "integrations"
                db_table = "integrations_later"

        monkeypatch.setattr(reencryption, "apps", later_apps)
        assert models_with_secrets() == [Later]
        with connection.schema_editor() as editor:
            editor.create_model(Later)
        try:
            Later.objects.create(
                tenant_id=tenant.pk, text="later text of a test", document={"a": Secret("later json of a test")}
            )
            old = retire(tenant)
            assert move(old).values == 2
            row = Later.objects.get()
            assert (row.text.reveal(), row.document["a"].reveal()) == ("later text of a test", "later json of a test")
            assert old.id not in count_values()
        finally:
            with connection.schema_editor() as editor:
                editor.delete_model(Later)
