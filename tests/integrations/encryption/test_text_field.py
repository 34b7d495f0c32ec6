"""An `EncryptedTextField` in the ordinary ways of Django."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from pytest_django import DjangoAssertNumQueries

from integrations.encryption.secret import Secret
from integrations.models import Tenant
from tests.integrations.encryption.stored_values import AUTH_TOKEN, SIGNING_SECRET, stored
from webhooks.models import Webhook, WebhookStats


def test_stores_the_documented_form(webhook: Webhook) -> None:
    version, key_id, iv, tag, ciphertext = stored(webhook, "signing_secret").split(":")

    assert version == "v1"
    assert key_id == webhook.tenant.data_keys.get().id.hex
    assert (len(iv), len(tag)) == (24, 32)
    assert len(ciphertext) == 2 * len(SIGNING_SECRET)


def test_gives_a_secret(webhook: Webhook) -> None:
    assert isinstance(webhook.signing_secret, Secret)
    assert webhook.signing_secret.reveal() == SIGNING_SECRET
    assert webhook.signing_secret.masked() == "***hook"


def test_one_value_stored_twice_looks_different(webhook: Webhook) -> None:
    first = stored(webhook, "auth_token")
    webhook.auth_token = AUTH_TOKEN
    webhook.save()

    assert stored(webhook, "auth_token") != first
    assert Webhook.objects.get().auth_token.reveal() == AUTH_TOKEN


@pytest.mark.parametrize("value", ["new", Secret("new")])
def test_takes_text_and_secrets(webhook: Webhook, value: str | Secret) -> None:
    webhook.auth_token = value
    assert webhook.auth_token.reveal() == "new"
    webhook.save()

    assert webhook.auth_token.reveal() == "new"
    assert Webhook.objects.get().auth_token.reveal() == "new"


@pytest.mark.parametrize("value", ["", "ü€𝄞", "nul\x00inside", "v1:looks:like:a:ciphertext", "x" * 100_000])
def test_keeps_any_text(webhook: Webhook, value: str) -> None:
    webhook.auth_token = value
    webhook.save()

    assert Webhook.objects.get().auth_token.reveal() == value


def test_none_is_null(webhook: Webhook) -> None:
    webhook.auth_token = None
    webhook.save()

    assert stored(webhook, "auth_token") is None
    assert Webhook.objects.get().auth_token is None


def test_null_is_refused_where_the_field_needs_a_value(tenant: Tenant) -> None:
    with pytest.raises(IntegrityError, match="signing_secret"):
        Webhook.objects.create(tenant=tenant, workflow_name="without")


@pytest.mark.parametrize("wrong", [3, b"bytes", ["list"], object()])
def test_refuses_other_types_without_showing_them(webhook: Webhook, wrong: Any) -> None:
    with pytest.raises(TypeError, match=rf"^auth_token takes a str or a Secret, not {type(wrong).__name__}\.$"):
        webhook.auth_token = wrong


def test_saves_only_the_fields_that_are_named(webhook: Webhook) -> None:
    before = stored(webhook, "signing_secret")
    webhook.auth_token = "new"
    webhook.signing_secret = "not this one"
    webhook.save(update_fields=["auth_token"])

    assert Webhook.objects.get().auth_token.reveal() == "new"
    assert stored(webhook, "signing_secret") == before
    webhook.save()
    assert Webhook.objects.get().signing_secret.reveal() == "not this one"


def test_get_or_create_takes_it_as_a_default(tenant: Tenant) -> None:
    made, is_new = Webhook.objects.get_or_create(tenant=tenant, workflow_name="a", defaults={"signing_secret": "first"})
    found, is_new_again = Webhook.objects.get_or_create(
        tenant=tenant, workflow_name="a", defaults={"signing_secret": "second"}
    )

    assert (is_new, is_new_again) == (True, False)
    assert made.pk == found.pk
    assert found.signing_secret.reveal() == "first"


def test_update_or_create_writes_it(webhook: Webhook) -> None:
    Webhook.objects.update_or_create(
        tenant=webhook.tenant, workflow_name=webhook.workflow_name, defaults={"auth_token": "second"}
    )

    loaded = Webhook.objects.get()
    assert loaded.auth_token.reveal() == "second"
    assert loaded.signing_secret.reveal() == SIGNING_SECRET


def test_bulk_create_writes_it(tenant: Tenant) -> None:
    Webhook.objects.bulk_create(
        [Webhook(tenant=tenant, workflow_name=f"w{n}", signing_secret=f"secret {n}") for n in range(3)]
    )

    assert [w.signing_secret.reveal() for w in Webhook.objects.order_by("workflow_name")] == [
        "secret 0",
        "secret 1",
        "secret 2",
    ]


def test_bulk_create_updates_conflicts_by_id(webhook: Webhook) -> None:
    again = Webhook(
        id=webhook.id, tenant=webhook.tenant, workflow_name=webhook.workflow_name, signing_secret="replaced"
    )
    Webhook.objects.bulk_create(
        [again], update_conflicts=True, unique_fields=["id"], update_fields=["signing_secret", "description"]
    )

    loaded = Webhook.objects.get()
    assert loaded.signing_secret.reveal() == "replaced"
    assert loaded.auth_token.reveal() == AUTH_TOKEN


def test_bulk_create_updates_other_fields_on_any_conflict(webhook: Webhook) -> None:
    again = Webhook(
        tenant=webhook.tenant, workflow_name=webhook.workflow_name, signing_secret="ignored", description="new"
    )
    Webhook.objects.bulk_create(
        [again],
        update_conflicts=True,
        unique_fields=["tenant", "workflow_name"],
        update_fields=["description"],
    )

    loaded = Webhook.objects.get()
    assert loaded.description == "new"
    assert loaded.signing_secret.reveal() == SIGNING_SECRET


def test_bulk_update_of_other_fields_leaves_it_alone(webhook: Webhook) -> None:
    before = stored(webhook, "auth_token")
    webhook.description = "changed"
    webhook.auth_token = "not written by this"
    Webhook.objects.bulk_update([webhook], ["description"])

    assert Webhook.objects.get().description == "changed"
    assert stored(webhook, "auth_token") == before


def test_update_of_other_fields_leaves_it_alone(webhook: Webhook) -> None:
    before = stored(webhook, "auth_token")

    assert Webhook.objects.filter(auth_token__isnull=False).update(description="changed") == 1
    assert stored(webhook, "auth_token") == before


def test_may_be_tested_for_null(webhook: Webhook, make_webhook: Callable[..., Webhook]) -> None:
    without = make_webhook(webhook.tenant, "without", auth_token=None)

    assert list(Webhook.objects.filter(auth_token__isnull=True)) == [without]
    assert list(Webhook.objects.filter(auth_token__isnull=False)) == [webhook]
    assert list(Webhook.objects.exclude(auth_token__isnull=True)) == [webhook]
    assert list(WebhookStats.objects.filter(webhook__auth_token__isnull=True)) == []


def test_only_loads_it_bound(webhook: Webhook) -> None:
    assert Webhook.objects.only("auth_token").get().auth_token.reveal() == AUTH_TOKEN
    assert Webhook.objects.only("tenant", "auth_token").get().auth_token.reveal() == AUTH_TOKEN


def test_only_with_the_tenant_costs_no_further_query(
    webhook: Webhook, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        Webhook.objects.only("tenant", "auth_token").get()


def test_deferred_is_loaded_when_it_is_read(webhook: Webhook) -> None:
    deferred = Webhook.objects.defer("auth_token").get()
    assert "auth_token" not in deferred.__dict__

    assert deferred.auth_token.reveal() == AUTH_TOKEN
    assert Webhook.objects.only("workflow_name").get().auth_token.reveal() == AUTH_TOKEN


def test_saving_a_deferred_object_keeps_it(webhook: Webhook) -> None:
    before = stored(webhook, "auth_token")
    deferred = Webhook.objects.defer("auth_token").get()
    deferred.description = "changed"
    deferred.save()

    assert stored(webhook, "auth_token") == before
    assert Webhook.objects.get().description == "changed"


def test_a_deferred_one_may_be_assigned(webhook: Webhook) -> None:
    deferred = Webhook.objects.defer("auth_token").get()
    deferred.auth_token = "new"
    deferred.save()

    assert Webhook.objects.get().auth_token.reveal() == "new"


def test_opens_however_it_was_loaded(webhook: Webhook) -> None:
    WebhookStats.objects.create(webhook=webhook, tenant=webhook.tenant)
    ways = [
        Webhook.objects.raw("SELECT * FROM webhooks_webhook")[0],
        Webhook.objects.raw("SELECT id, auth_token FROM webhooks_webhook")[0],
        Webhook.objects.filter(description="").union(Webhook.objects.exclude(description="")).get(),
        WebhookStats.objects.select_related("webhook").get().webhook,
        Webhook.objects.in_bulk([webhook.pk])[webhook.pk],
        webhook.tenant.webhooks.all()[0],
        Tenant.objects.prefetch_related("webhooks").get().webhooks.all()[0],
        next(Webhook.objects.iterator()),
    ]

    assert [loaded.auth_token.reveal() for loaded in ways] == [AUTH_TOKEN] * len(ways)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_of_the_object_opens_and_saves_on_its_own(
    webhook: Webhook, duplicate: Callable[[Webhook], Webhook]
) -> None:
    twin = duplicate(webhook)
    assert twin.auth_token.reveal() == AUTH_TOKEN

    twin.auth_token = "of the copy"
    webhook.description = "of the original"
    webhook.save()
    assert Webhook.objects.get().auth_token.reveal() == AUTH_TOKEN
    twin.save()
    assert Webhook.objects.get().auth_token.reveal() == "of the copy"


def test_a_copy_remembers_on_its_own_what_is_unsaved(webhook: Webhook) -> None:
    webhook.auth_token = "typed"
    twin = copy.copy(webhook)
    twin.refresh_from_db()
    webhook.save()

    assert Webhook.objects.get().auth_token.reveal() == "typed"


@pytest.mark.parametrize("fields", [None, ["auth_token"], ["auth_token", "description"]])
def test_refresh_drops_what_was_assigned(webhook: Webhook, fields: list[str] | None) -> None:
    webhook.auth_token = "typed and given up"
    webhook.refresh_from_db(fields=fields)
    assert webhook.auth_token.reveal() == AUTH_TOKEN

    Webhook.objects.update_or_create(pk=webhook.pk, defaults={"auth_token": "newer"})
    webhook.save()
    assert Webhook.objects.get().auth_token.reveal() == "newer"


def test_refresh_of_another_field_keeps_what_was_assigned(webhook: Webhook) -> None:
    webhook.auth_token = "typed"
    webhook.refresh_from_db(fields=["description"])
    webhook.save()

    assert Webhook.objects.get().auth_token.reveal() == "typed"


def test_validation_reads_it_without_counting_it_as_changed(webhook: Webhook) -> None:
    stale = Webhook.objects.get()
    webhook.auth_token = "newer"
    webhook.save()
    stale.full_clean()
    stale.save()

    assert Webhook.objects.get().auth_token.reveal() == "newer"
