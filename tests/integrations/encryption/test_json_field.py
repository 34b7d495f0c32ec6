"""An `EncryptedJSONField`: secrets encrypted one by one beside values in clear."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.models import Integration, Tenant
from tests.integrations.encryption.stored_values import ACCESS_TOKEN, APP_SECRET, overwrite, stored

PHONE_NUMBER_ID = "106540352242922"


def document(integration: Integration) -> dict[str, Any]:
    return json.loads(stored(integration, "config"))


def test_stores_each_secret_on_its_own(integration: Integration) -> None:
    config = document(integration)

    assert config["phone_number_id"] == PHONE_NUMBER_ID
    assert list(config["access_token"]) == ["$encrypted"]
    assert config["access_token"]["$encrypted"].startswith("v1:")
    assert config["app_secret"]["$encrypted"].split(":")[2] != config["access_token"]["$encrypted"].split(":")[2]


def test_gives_secrets_and_clear_values(integration: Integration) -> None:
    assert set(integration.config) == {"phone_number_id", "access_token", "app_secret"}
    assert integration.config["phone_number_id"] == PHONE_NUMBER_ID
    assert integration.config["access_token"].reveal() == ACCESS_TOKEN
    assert integration.config["app_secret"].reveal() == APP_SECRET
    assert integration.config.get("missing") is None


def test_shows_no_secret(integration: Integration) -> None:
    for shown in (repr(integration.config), str(integration.config), f"{integration.config}"):
        assert ACCESS_TOKEN not in shown
        assert PHONE_NUMBER_ID in shown


def test_replacing_one_value_keeps_the_other_byte_for_byte(integration: Integration) -> None:
    before = document(integration)
    integration.config = {**integration.config, "access_token": Secret("new")}
    integration.save()

    assert document(integration)["app_secret"] == before["app_secret"]
    assert integration.config["access_token"].reveal() == "new"
    loaded = Integration.objects.get()
    assert loaded.config["access_token"].reveal() == "new"
    assert loaded.config["app_secret"].reveal() == APP_SECRET


def test_an_unreadable_value_survives_a_change_of_another_key(integration: Integration) -> None:
    damaged = document(integration)
    damaged["access_token"]["$encrypted"] = damaged["access_token"]["$encrypted"][:-2] + "00"
    overwrite(integration, "config", json.dumps(damaged))
    loaded = Integration.objects.get()
    loaded.config = {**loaded.config, "phone_number_id": "1"}
    loaded.save()

    assert document(integration) == {**damaged, "phone_number_id": "1"}
    with pytest.raises(UnreadableSecretError):
        Integration.objects.get().config["access_token"].reveal()


def test_a_key_may_be_removed(integration: Integration) -> None:
    integration.config = {key: value for key, value in integration.config.items() if key != "app_secret"}
    integration.save()

    assert set(document(integration)) == {"phone_number_id", "access_token"}


def test_a_secret_under_another_key_is_encrypted_anew(integration: Integration) -> None:
    integration.config = {"renamed": integration.config["access_token"]}
    integration.save()

    assert Integration.objects.get().config["renamed"].reveal() == ACCESS_TOKEN


@pytest.mark.parametrize("key", ["", "ü", "a:b", "with\x01control", '"quoted"', "$encrypted"])
def test_any_key_works(integration: Integration, key: str) -> None:
    integration.config = {key: Secret("value")}
    integration.save()

    assert Integration.objects.get().config[key].reveal() == "value"


def test_empty_by_default(tenant: Tenant) -> None:
    made = Integration.objects.create(tenant=tenant, provider="n8n", slot="n8n", name="n8n")

    assert dict(made.config) == {}
    assert stored(made, "config") == "{}"
    assert Integration.objects.get().config == {}


def test_cannot_be_changed_in_place(integration: Integration) -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        integration.config["phone_number_id"] = "2"  # type: ignore[index]
    with pytest.raises(TypeError, match="does not support item deletion"):
        del integration.config["phone_number_id"]
    assert not hasattr(integration.config, "update")


def test_the_assigned_mapping_stays_the_callers(integration: Integration) -> None:
    scopes = ["read"]
    given = {"scopes": scopes, "access_token": Secret("new")}
    integration.config = given
    given["late"] = "change"
    scopes.append("late")
    integration.config["scopes"].append("late too")
    integration.save()

    assert integration.config["scopes"] == ["read"]
    assert Integration.objects.get().config["scopes"] == ["read"]
    assert "late" not in document(integration)


def test_clear_values_keep_their_json_types(integration: Integration) -> None:
    clear = {"n": 1, "f": 1.5, "b": True, "none": None, "list": [1, {"a": "b"}], "object": {"deep": [None]}}
    integration.config = clear
    integration.save()

    assert Integration.objects.get().config == clear


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"outer": {"inner": Secret("s")}}, TypeError, "outer: a Secret is encrypted only as a direct value"),
        ({"outer": [{"inner": (1, Secret("s"))}]}, TypeError, "outer: a Secret is encrypted only as a direct value"),
        ({"forged": {"$encrypted": "v1:a:b:c:d"}}, ValueError, r"forged: an object whose only key is \$encrypted"),
        ({1: "a"}, TypeError, "are str, not int"),
        (["list"], TypeError, "config takes a mapping, not list"),
        ("text", TypeError, "config takes a mapping, not str"),
    ],
)
def test_refuses_what_it_could_not_store_safely(
    integration: Integration, wrong: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        integration.config = wrong


def test_assigning_what_is_held_changes_nothing(integration: Integration) -> None:
    before = stored(integration, "config")
    integration.config = integration.config
    integration.full_clean(exclude=["slot"])
    integration.save()

    assert stored(integration, "config") == before


def test_copies_are_the_mapping_itself(integration: Integration) -> None:
    assert copy.copy(integration.config) is integration.config
    assert copy.deepcopy(integration.config) is integration.config
