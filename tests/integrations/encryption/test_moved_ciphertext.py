"""A ciphertext opens in the one place for which it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection

from integrations.encryption.data_keys import destroy_data_keys, forget_data_keys
from integrations.encryption.errors import (
    DestroyedKeyError,
    EncryptionError,
    KeyNotAtHandError,
    UnreadableSecretError,
)
from integrations.encryption.models import DataKey
from integrations.encryption.secret import Secret
from integrations.isolation.scope import tenant_scope
from integrations.models import Integration, Tenant
from tests.integrations.encryption.stored_values import AUTH_TOKEN, overwrite, stored
from webhooks.models import Webhook


def refused(secret: Secret | None, error: type[EncryptionError] = UnreadableSecretError) -> EncryptionError:
    assert secret is not None
    with pytest.raises(error) as refusal:
        secret.reveal()
    with pytest.raises(error):
        secret.masked()
    assert refusal.type is error
    return refusal.value


def test_in_another_row(webhook: Webhook, make_webhook: Callable[..., Webhook]) -> None:
    other = make_webhook(webhook.tenant, "other")
    overwrite(other, "auth_token", stored(webhook, "auth_token"))

    refused(Webhook.objects.get(pk=other.pk).auth_token)


def test_in_another_field(webhook: Webhook) -> None:
    overwrite(webhook, "auth_token", stored(webhook, "signing_secret"))

    refused(Webhook.objects.get().auth_token)


def test_under_another_key(integration: Integration) -> None:
    config = json.loads(stored(integration, "config"))
    swapped = {**config, "access_token": config["app_secret"], "app_secret": config["access_token"]}
    overwrite(integration, "config", json.dumps(swapped))

    loaded = Integration.objects.get().config
    refused(loaded["access_token"])
    refused(loaded["app_secret"])


def test_from_a_json_field_in_a_text_field(webhook: Webhook) -> None:
    headers = json.loads(stored(webhook, "headers"))
    overwrite(webhook, "auth_token", headers["X-Key"]["$encrypted"])

    refused(Webhook.objects.get().auth_token)


def test_in_another_tenant(webhook: Webhook, other_tenant: Tenant, make_webhook: Callable[..., Webhook]) -> None:
    theirs = make_webhook(other_tenant)
    overwrite(theirs, "auth_token", stored(webhook, "auth_token"))

    refused(Webhook.objects.get(pk=theirs.pk).auth_token)
    forget_data_keys()
    with tenant_scope(other_tenant):  # whose role does not even see the key
        refused(Webhook.objects.get(pk=theirs.pk).auth_token, KeyNotAtHandError)


def test_in_a_row_that_was_moved_to_another_tenant_by_sql(webhook: Webhook, other_tenant: Tenant) -> None:
    overwrite(webhook, "tenant_id", other_tenant.pk)

    refused(Webhook.objects.get().auth_token)
    refused(Webhook.objects.only("auth_token").get().auth_token)
    refused(Webhook.objects.defer("auth_token").get().auth_token)


def test_in_another_model(webhook: Webhook, integration: Integration) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE integrations_integration SET id = %s", [webhook.pk])
    moved = Integration.objects.get()
    overwrite(moved, "config", stored(webhook, "headers"))

    refused(Integration.objects.get().config["X-Key"])


@pytest.mark.parametrize("damaged", ["", "plain text", "v1:", "v1:a:b:c:d", '{"json": 1}'])
def test_what_is_no_ciphertext_is_never_taken_for_the_value(webhook: Webhook, damaged: str) -> None:
    overwrite(webhook, "auth_token", damaged)

    error = refused(Webhook.objects.get().auth_token)
    assert isinstance(error, UnreadableSecretError)
    assert error.stored == damaged


def test_the_error_names_the_place_and_no_value(integration: Integration) -> None:
    config = json.loads(stored(integration, "config"))
    ciphertext = config["access_token"]["$encrypted"][:-2] + "00"
    config["access_token"]["$encrypted"] = ciphertext
    overwrite(integration, "config", json.dumps(config))

    error = refused(Integration.objects.get().config["access_token"])
    assert isinstance(error, UnreadableSecretError)
    assert (error.model_label, error.field, error.json_key, error.pk) == (
        "integrations.Integration",
        "config",
        "access_token",
        integration.pk,
    )
    assert str(error) == (
        f"The stored value in integrations.Integration.config['access_token'] of row {integration.pk} does not open "
        "under its key: it was changed or moved here from another place."
    )


def test_an_unknown_data_key_is_not_at_hand(webhook: Webhook) -> None:
    parts = stored(webhook, "auth_token").split(":")
    overwrite(webhook, "auth_token", ":".join([parts[0], UUID(int=7).hex, *parts[2:]]))

    refused(Webhook.objects.get().auth_token, KeyNotAtHandError)


def test_a_value_of_a_later_release_is_not_at_hand(webhook: Webhook) -> None:
    overwrite(webhook, "auth_token", "v2" + stored(webhook, "auth_token")[2:])

    assert "later release" in str(refused(Webhook.objects.get().auth_token, KeyNotAtHandError))


def test_another_tenants_data_key_row_does_not_help(webhook: Webhook, other_tenant: Tenant) -> None:
    """The wrapped key is bound to its id and tenant: rows of the key table cannot be swapped either."""
    mine, theirs = DataKey.objects.get(tenant=webhook.tenant), DataKey.objects.get(tenant=other_tenant)
    DataKey.objects.filter(pk=mine.pk).update(wrapped_key=theirs.wrapped_key)
    forget_data_keys()

    refused(Webhook.objects.get().auth_token)


def test_a_destroyed_key_says_so(webhook: Webhook) -> None:
    assert webhook.auth_token is not None
    assert webhook.auth_token.reveal() == AUTH_TOKEN
    destroy_data_keys(tenant_id=webhook.tenant_id)
    forget_data_keys()

    error = refused(Webhook.objects.get().auth_token, DestroyedKeyError)
    assert isinstance(error, UnreadableSecretError)
    assert "is gone for ever: its data key was destroyed" in str(error)
