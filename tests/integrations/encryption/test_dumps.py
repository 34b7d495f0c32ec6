"""`dumpdata` and `loaddata` carry ciphertext, never a value."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import transaction

from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.models import Integration, Tenant
from tests.integrations.encryption.stored_values import (
    ACCESS_TOKEN,
    APP_SECRET,
    AUTH_TOKEN,
    HEADER,
    SIGNING_SECRET,
    stored,
)
from webhooks.models import Webhook

MODELS = ["webhooks.Webhook", "integrations.Integration"]


@pytest.fixture
def without_token(webhook: Webhook, make_webhook: Callable[..., Webhook]) -> Webhook:
    return make_webhook(webhook.tenant, "without-token", auth_token=None, headers={})


def dump(path: Path) -> str:
    call_command("dumpdata", *MODELS, format=path.suffix[1:], output=str(path), verbosity=0)
    return path.read_text()


@pytest.mark.parametrize("extension", ["json", "jsonl"])
def test_a_dump_loads_again_and_opens(
    webhook: Webhook, without_token: Webhook, integration: Integration, tmp_path: Path, extension: str
) -> None:
    path = tmp_path / f"all.{extension}"
    text = dump(path)
    before = {column: stored(webhook, column) for column in ("auth_token", "signing_secret", "headers")}
    Webhook.objects.all().delete()
    Integration.objects.all().delete()
    call_command("loaddata", str(path), verbosity=0)

    for value in (SIGNING_SECRET, AUTH_TOKEN, HEADER, ACCESS_TOKEN, APP_SECRET):
        assert value not in text
    assert {column: stored(webhook, column) for column in before} == before
    loaded = Webhook.objects.get(pk=webhook.pk)
    assert loaded.signing_secret.reveal() == SIGNING_SECRET
    assert loaded.auth_token.reveal() == AUTH_TOKEN
    assert loaded.headers["X-Key"].reveal() == HEADER
    assert Webhook.objects.get(pk=without_token.pk).auth_token is None
    config = Integration.objects.get().config
    assert (config["access_token"].reveal(), config["app_secret"].reveal()) == (ACCESS_TOKEN, APP_SECRET)
    assert config["phone_number_id"] == "106540352242922"


def test_an_xml_dump_carries_ciphertext_and_is_refused_when_loaded(webhook: Webhook, tmp_path: Path) -> None:
    """Django reads an XML fixture's JSON behind the field's back, so its encrypted values would be taken for clear ones."""
    path = tmp_path / "all.xml"
    text = dump(path)

    assert not [value for value in (SIGNING_SECRET, AUTH_TOKEN, HEADER) if value in text]
    with pytest.raises(TypeError, match="headers cannot be loaded from an XML fixture"), transaction.atomic():
        call_command("loaddata", str(path), verbosity=0)


def test_loading_over_existing_rows_restores_their_secrets(webhook: Webhook, tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    dump(path)
    webhook.auth_token = "newer"
    webhook.save()
    call_command("loaddata", str(path), verbosity=0)

    assert Webhook.objects.get().auth_token.reveal() == AUTH_TOKEN


def test_plain_text_in_a_fixture_is_refused(webhook: Webhook, tmp_path: Path) -> None:
    path = tmp_path / "edited.json"
    rows = json.loads(dump(path))
    rows[0]["fields"]["auth_token"] = "plain-and-precious"
    path.write_text(json.dumps(rows))
    output = StringIO()

    with (
        pytest.raises(FieldError, match=r"webhooks\.Webhook\.auth_token is encrypted") as refusal,
        transaction.atomic(),
    ):
        call_command("loaddata", str(path), verbosity=3, stdout=output, stderr=output)

    assert "plain-and-precious" not in str(refusal.value) + output.getvalue()
    assert Webhook.objects.get().auth_token.reveal() == AUTH_TOKEN


def test_a_fixture_moved_to_another_row_does_not_open(webhook: Webhook, without_token: Webhook, tmp_path: Path) -> None:
    path = tmp_path / "edited.json"
    rows = {row["fields"]["workflow_name"]: row for row in json.loads(dump(path))}
    rows["without-token"]["fields"]["auth_token"] = rows["order-created"]["fields"]["auth_token"]
    path.write_text(json.dumps(list(rows.values())))
    call_command("loaddata", str(path), verbosity=0)

    with pytest.raises(UnreadableSecretError):
        Webhook.objects.get(pk=without_token.pk).auth_token.reveal()


@pytest.mark.parametrize(
    "unsaved",
    [{"auth_token": "typed"}, {"headers": {"X-Key": Secret("typed")}}],
)
def test_what_was_not_saved_cannot_be_dumped(webhook: Webhook, unsaved: dict[str, object]) -> None:
    for name, value in unsaved.items():
        setattr(webhook, name, value)

    with pytest.raises(FieldError, match="a dump carries ciphertext only"):
        serializers.serialize("json", [webhook])


def test_ciphertext_from_a_fixture_is_stored_by_loaddata_only(webhook: Webhook, other_tenant: Tenant) -> None:
    [loaded] = serializers.deserialize("json", serializers.serialize("json", [webhook]))

    with pytest.raises(FieldError, match="is stored by loaddata only"), transaction.atomic():
        loaded.object.save()
