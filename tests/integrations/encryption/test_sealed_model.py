"""What a loaded value is bound to, and when `save()` writes it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from uuid import UUID

import pytest
from django.core.exceptions import FieldError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from integrations.encryption.errors import UnreadableSecretError
from integrations.ids import uuid7
from integrations.models import Integration, Tenant
from tests.integrations.encryption.stored_values import (
    ACCESS_TOKEN,
    AUTH_TOKEN,
    HEADER,
    SIGNING_SECRET,
    overwrite,
    stored,
)
from webhooks.models import Webhook


def secrets_of(webhook: Webhook) -> list[str]:
    return [webhook.signing_secret.reveal(), webhook.auth_token.reveal(), webhook.headers["X-Key"].reveal()]


ALL = [SIGNING_SECRET, AUTH_TOKEN, HEADER]


# --- Other identities: the row, the tenant ----------------------------------------------------------------------------


@pytest.mark.parametrize("new_id", [None, uuid7()])
@pytest.mark.parametrize("is_read_before", [False, True])
@pytest.mark.parametrize("is_marked_new", [False, True])
def test_a_copy_under_another_id_is_encrypted_anew(
    webhook: Webhook, new_id: UUID | None, is_read_before: bool, is_marked_new: bool
) -> None:
    twin = copy.copy(webhook)
    if is_read_before:
        secrets_of(twin)
    twin.pk = new_id
    twin.workflow_name = "copy"
    twin._state.adding = is_marked_new
    twin.save()

    loaded = Webhook.objects.get(workflow_name="copy")
    assert loaded.pk != webhook.pk
    assert secrets_of(loaded) == ALL
    assert secrets_of(twin) == ALL
    assert secrets_of(Webhook.objects.get(pk=webhook.pk)) == ALL
    assert stored(loaded, "auth_token") != stored(webhook, "auth_token")


def test_a_copy_by_bulk_create_is_encrypted_anew(webhook: Webhook) -> None:
    twin = copy.copy(webhook)
    twin.pk, twin.workflow_name = None, "copy"
    Webhook.objects.bulk_create([twin])

    assert secrets_of(Webhook.objects.get(workflow_name="copy")) == ALL


@pytest.mark.parametrize("update_fields", [None, ["tenant"], ["tenant", "description"]])
def test_a_move_to_another_tenant_is_encrypted_under_its_key(
    webhook: Webhook, other_tenant: Tenant, update_fields: list[str] | None
) -> None:
    webhook.tenant = other_tenant
    webhook.save(update_fields=update_fields)

    loaded = Webhook.objects.get()
    assert secrets_of(loaded) == secrets_of(webhook) == ALL
    assert stored(loaded, "auth_token").split(":")[1] == other_tenant.data_keys.get().id.hex


def test_a_move_encrypts_deferred_columns_too(webhook: Webhook, other_tenant: Tenant) -> None:
    deferred = Webhook.objects.defer("auth_token", "headers").get()
    deferred.tenant = other_tenant
    deferred.save()

    assert secrets_of(Webhook.objects.get()) == ALL


def test_a_move_of_an_object_loaded_without_its_tenant_is_noticed(webhook: Webhook, other_tenant: Tenant) -> None:
    deferred = Webhook.objects.only("workflow_name").get()
    deferred.tenant = other_tenant
    deferred.save()

    assert secrets_of(Webhook.objects.get()) == ALL


def test_a_half_move_is_refused(webhook: Webhook, other_tenant: Tenant) -> None:
    webhook.tenant = other_tenant
    webhook.auth_token = "new"
    with pytest.raises(FieldError, match=r"webhooks\.Webhook\.auth_token .* moved to another tenant"):
        webhook.save(update_fields=["auth_token"])
    webhook.description = "of no concern"
    webhook.save(update_fields=["description"])

    assert secrets_of(Webhook.objects.get()) == ALL


def test_another_rows_secret_may_be_assigned(webhook: Webhook, make_webhook: Callable[..., Webhook]) -> None:
    other = make_webhook(webhook.tenant, "other", signing_secret="theirs", headers={})
    other.signing_secret = webhook.signing_secret
    other.headers = webhook.headers
    other.save()

    assert secrets_of(Webhook.objects.get(pk=other.pk)) == ALL


def test_ids_given_as_text_are_the_same_ids(tenant: Tenant) -> None:
    identifier = uuid7()
    Webhook.objects.create(id=str(identifier), tenant_id=str(tenant.pk), workflow_name="a", signing_secret="text")

    assert Webhook.objects.get(pk=identifier).signing_secret.reveal() == "text"


# --- Stale objects ----------------------------------------------------------------------------------------------------


def test_a_stale_save_keeps_a_newer_secret(webhook: Webhook, integration: Integration) -> None:
    stale_webhook = Webhook.objects.get()
    stale_integration = Integration.objects.get()
    webhook.auth_token = "newer"
    webhook.save()
    integration.config = {"access_token": "newer, and in clear"}
    integration.save()

    stale_webhook.description = stale_integration.description = "changed"
    stale_webhook.save()
    stale_webhook.save(update_fields=["description", "auth_token"])
    stale_integration.save()

    loaded = Webhook.objects.get()
    assert (loaded.description, loaded.auth_token.reveal()) == ("changed", "newer")
    assert Integration.objects.get().config == {"access_token": "newer, and in clear"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_bulk", [False, True])
def test_the_object_that_created_the_row_keeps_a_newer_secret_too(
    tenant: Tenant, make_webhook: Callable[..., Webhook], is_bulk: bool
) -> None:
    if is_bulk:
        made = Webhook(tenant=tenant, workflow_name="a", signing_secret="first")
        Webhook.objects.bulk_create([made])
    else:
        made = make_webhook(tenant)
    newer = Webhook.objects.get()
    newer.signing_secret = "newer"
    newer.save()
    made.description = "changed"
    made.save()

    loaded = Webhook.objects.get()
    assert (loaded.description, loaded.signing_secret.reveal()) == ("changed", "newer")


def test_saving_unchanged_secrets_asks_for_no_key(webhook: Webhook) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        webhook.description = "changed"
        webhook.save()

    assert not [query["sql"] for query in queries if "datakey" in query["sql"]]


def test_saving_several_secrets_locks_the_key_once(webhook: Webhook) -> None:
    webhook.auth_token = "new"
    webhook.signing_secret = "new"
    webhook.headers = {"a": webhook.auth_token, "b": webhook.signing_secret}
    with CaptureQueriesContext(connection) as queries:
        webhook.save()

    assert len([query["sql"] for query in queries if "FOR SHARE" in query["sql"]]) == 1


def test_an_unreadable_value_survives_a_save_byte_for_byte(webhook: Webhook) -> None:
    overwrite(webhook, "auth_token", "tampered")
    loaded = Webhook.objects.get()
    loaded.description = "changed"
    loaded.save()

    assert stored(webhook, "auth_token") == "tampered"
    assert Webhook.objects.get().description == "changed"
    with pytest.raises(UnreadableSecretError):
        Webhook.objects.get().auth_token.reveal()


def test_a_deleted_row_is_not_inserted_again_without_its_secrets(webhook: Webhook) -> None:
    Webhook.objects.filter(pk=webhook.pk).delete()

    with pytest.raises(DatabaseError, match="did not affect any rows"), transaction.atomic():
        webhook.save()
    assert not Webhook.objects.exists()


# --- Rolled back ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_written_by_the_next_save(tenant: Tenant, make_webhook: Callable[..., Webhook]) -> None:
    make_webhook(tenant)
    webhook = Webhook.objects.get()
    webhook.auth_token = "typed once"
    with transaction.atomic():
        webhook.save()
        transaction.set_rollback(True)
    assert Webhook.objects.get().auth_token.reveal() == AUTH_TOKEN
    webhook.save()

    assert Webhook.objects.get().auth_token.reveal() == "typed once"


@pytest.mark.django_db(transaction=True)
def test_an_assignment_after_the_save_is_not_lost_at_the_commit(
    tenant: Tenant, make_webhook: Callable[..., Webhook]
) -> None:
    make_webhook(tenant)
    webhook = Webhook.objects.get()
    with transaction.atomic():
        webhook.auth_token = "first"
        webhook.save()
        webhook.auth_token = "second"
    webhook.save()

    assert Webhook.objects.get().auth_token.reveal() == "second"


@pytest.mark.django_db(transaction=True)
def test_a_row_whose_creation_failed_can_be_created_again(tenant: Tenant, make_webhook: Callable[..., Webhook]) -> None:
    make_webhook(tenant, "taken")
    webhook = Webhook(tenant=tenant, workflow_name="taken", signing_secret="kept")
    with pytest.raises(IntegrityError):
        webhook.save()
    webhook.workflow_name = "free"
    webhook.save()

    assert Webhook.objects.get(workflow_name="free").signing_secret.reveal() == "kept"


@pytest.mark.django_db(transaction=True)
def test_a_save_outside_of_any_transaction_opens_one(tenant: Tenant, make_webhook: Callable[..., Webhook]) -> None:
    assert not connection.in_atomic_block
    webhook = make_webhook(tenant)
    webhook.auth_token = "new"
    webhook.save()

    assert Webhook.objects.get().auth_token.reveal() == "new"
    assert integration_is_savable(tenant)


def integration_is_savable(tenant: Tenant) -> bool:
    made = Integration.objects.create(
        tenant=tenant, provider="n8n", slot="n8n", name="n8n", config={"api_key": "clear"}
    )
    made.config = {**made.config, "api_key": ACCESS_TOKEN}
    made.save()
    return Integration.objects.get().config["api_key"] == ACCESS_TOKEN
