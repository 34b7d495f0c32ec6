"""Whatever would store or compare a secret without its row raises, and names the field and the way out."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db import connection, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Lower, Upper
from django.db.transaction import TransactionManagementError
from django.forms import modelform_factory

from integrations.encryption import data_keys
from integrations.encryption.errors import UnboundSecretError
from integrations.encryption.secret import Secret
from integrations.models import Integration
from tests.integrations.encryption.stored_values import AUTH_TOKEN, SIGNING_SECRET, stored
from webhooks.models import Webhook, WebhookStats

VALUE = "plain-and-precious"


def update(**values: Any) -> Callable[[Webhook], object]:
    return lambda _: Webhook.objects.update(**values)


@pytest.mark.parametrize(
    "write",
    [
        update(auth_token=VALUE),
        update(auth_token=Secret(VALUE)),
        update(auth_token=Value(VALUE)),
        update(auth_token=F("signing_secret")),
        update(auth_token=F("description")),
        update(auth_token=Concat(F("description"), Value(VALUE))),
        update(headers={}),
        update(headers={"X-Key": Secret(VALUE)}),
        update(description=F("auth_token")),
        update(description=Lower("auth_token")),
        lambda webhook: Webhook.objects.update(auth_token=webhook.auth_token),
        lambda webhook: Webhook.objects.update(auth_token=webhook.signing_secret),
        lambda webhook: Webhook.objects.update(headers=webhook.headers),
        lambda webhook: Webhook.objects.bulk_update([webhook], ["auth_token"]),
        lambda webhook: Webhook.objects.bulk_update([webhook], ["headers"]),
        lambda webhook: setattr(webhook, "auth_token", Value(VALUE)),
        lambda webhook: setattr(webhook, "headers", F("event_types")),
        lambda webhook: Webhook(tenant=webhook.tenant, signing_secret=Upper(Value(VALUE))),
    ],
)  # fmt: skip
def test_writing_around_the_row_is_refused(webhook: Webhook, write: Callable[[Webhook], object]) -> None:
    before = {column: stored(webhook, column) for column in ("auth_token", "signing_secret", "headers", "description")}

    with (
        pytest.raises(
            FieldError, match=r"webhooks\.Webhook\.(auth_token|signing_secret|headers) is encrypted"
        ) as refusal,
        transaction.atomic(),
    ):
        write(webhook)

    assert "save()" in str(refusal.value)
    assert VALUE not in str(refusal.value)
    assert {column: stored(webhook, column) for column in before} == before


def test_update_to_null_clears_it(webhook: Webhook) -> None:
    """NULL holds no value, so there is nothing to bind."""
    Webhook.objects.update(auth_token=None)

    assert Webhook.objects.get().auth_token is None


@pytest.mark.parametrize(
    "lookup",
    [
        {"auth_token": AUTH_TOKEN},
        {"auth_token": None},
        {"auth_token": F("pk")},
        {"auth_token__exact": AUTH_TOKEN},
        {"auth_token__iexact": AUTH_TOKEN},
        {"auth_token__in": [AUTH_TOKEN]},
        {"auth_token__contains": "a"},
        {"auth_token__startswith": "v1:"},
        {"auth_token__regex": "a"},
        {"auth_token__gt": ""},
        {"auth_token__lower": AUTH_TOKEN},
        {"auth_token__length__gt": 3},
        {"headers": {}},
        {"headers__contains": {}},
        {"headers__has_key": "X-Key"},
        {"headers__X-Key": "a"},
        {"headers__X-Key__isnull": True},
    ],
)
@pytest.mark.parametrize(
    "query",
    [
        lambda lookup: Webhook.objects.filter(**lookup),
        lambda lookup: Webhook.objects.exclude(Q(**lookup)),
        lambda lookup: WebhookStats.objects.filter(**{f"webhook__{name}": value for name, value in lookup.items()}),
    ],
    ids=["filter", "exclude", "related"],
)
def test_looking_it_up_is_refused(db: None, lookup: dict[str, Any], query: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(FieldError, match=r"webhooks\.Webhook\.(auth_token|headers) is encrypted: .* isnull"):
        query(lookup)


def test_get_or_create_by_it_is_refused(webhook: Webhook) -> None:
    with pytest.raises(FieldError, match="auth_token is encrypted"):
        Webhook.objects.get_or_create(auth_token=AUTH_TOKEN)


def test_bulk_create_cannot_put_it_into_a_row_of_another_id(webhook: Webhook) -> None:
    """The conflicting row has an id of its own: a value encrypted for the new one would never open there."""
    again = Webhook(tenant=webhook.tenant, workflow_name=webhook.workflow_name, signing_secret="new")

    with (
        pytest.raises(FieldError, match=r"signing_secret is encrypted: bulk_create\(update_conflicts=True\)"),
        transaction.atomic(),
    ):
        Webhook.objects.bulk_create(
            [again],
            update_conflicts=True,
            unique_fields=["tenant", "workflow_name"],
            update_fields=["signing_secret"],
        )
    assert Webhook.objects.get().signing_secret.reveal() == SIGNING_SECRET


@pytest.mark.parametrize(
    "read",
    [
        lambda: Webhook.objects.values("auth_token").get()["auth_token"],
        lambda: Webhook.objects.values_list("auth_token", flat=True).get(),
        lambda: Webhook.objects.values_list("auth_token", named=True).get().auth_token,
        lambda: Webhook.objects.values("headers").get()["headers"]["X-Key"],
        lambda: Webhook.objects.annotate(other=F("auth_token")).get().other,
        lambda: Webhook.objects.annotate(other=Lower("auth_token")).values_list("other", flat=True).get(),
        lambda: Webhook.objects.aggregate(other=models.Max("auth_token"))["other"],
    ],
)
def test_values_give_a_secret_that_cannot_be_opened(webhook: Webhook, read: Callable[[], Any]) -> None:
    secret = read()

    assert isinstance(secret, Secret)
    assert repr(secret) == "SealedSecret('***')"
    for attempt in (secret.reveal, secret.masked, lambda: secret.matches(AUTH_TOKEN)):
        with pytest.raises(UnboundSecretError, match="load the object"):
            attempt()


def test_a_secret_from_values_cannot_be_saved(webhook: Webhook) -> None:
    webhook.auth_token = Webhook.objects.values_list("signing_secret", flat=True).get()
    with pytest.raises(FieldError, match=r"auth_token is encrypted: a secret from values\(\)"), transaction.atomic():
        webhook.save()

    webhook.refresh_from_db()
    webhook.headers = Webhook.objects.values_list("headers", flat=True).get()
    with pytest.raises(FieldError, match=r"headers is encrypted: a secret from values\(\)"), transaction.atomic():
        webhook.save()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_an_object_that_holds_one_is_refused(
    webhook: Webhook, integration: Integration, protocol: int
) -> None:
    for instance in (webhook, integration, Webhook(signing_secret=VALUE)):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(instance, protocol)


def test_pickling_an_object_without_its_secrets_works(webhook: Webhook) -> None:
    light = Webhook.objects.only("workflow_name").get()

    assert pickle.loads(pickle.dumps(light)).workflow_name == webhook.workflow_name


def test_json_of_the_values_is_refused(webhook: Webhook) -> None:
    for value in (webhook.auth_token, webhook.headers, webhook.headers["X-Key"]):
        with pytest.raises(TypeError, match="not JSON serializable"):
            json.dumps({"value": value})


def test_model_forms_leave_it_out(webhook: Webhook) -> None:
    form = modelform_factory(Webhook, fields=["description", "auth_token", "headers"])(
        {"description": "typed", "auth_token": "typed", "headers": "{}"}, instance=webhook
    )

    assert list(form.fields) == ["description"]
    assert AUTH_TOKEN not in form.as_p()
    form.save()
    assert Webhook.objects.get().auth_token.reveal() == AUTH_TOKEN


def test_a_historical_model_in_a_migration_cannot_write_it(webhook: Webhook) -> None:
    """A migration's models have lost their base class, and with it the knowledge of the row."""
    historical = MigrationLoader(connection).project_state().apps.get_model("webhooks", "Webhook")
    loaded = historical.objects.get()
    loaded.description = "changed"
    with pytest.raises(FieldError, match="a historical model"), transaction.atomic():
        loaded.save()
    with pytest.raises(UnboundSecretError):
        loaded.auth_token.reveal()

    loaded.save(update_fields=["description"])
    assert Webhook.objects.get().description == "changed"


@pytest.mark.django_db(transaction=True)
def test_encrypting_outside_of_a_transaction_is_refused() -> None:
    with pytest.raises(TransactionManagementError, match="inside a transaction"):
        data_keys.active_cipher(None)
