"""The platform's own values for a provider."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.environment import environment_name, environment_values
from integrations.providers.registry import all_providers, get_provider

WHATSAPP = get_provider("whatsapp")
TOKEN = "EAATestAccessTokenForDocumentationOnly123456789"
COMPLETE = {"SIGNALBOX_WHATSAPP_PHONE_NUMBER_ID": "106540352242922", "SIGNALBOX_WHATSAPP_ACCESS_TOKEN": TOKEN}


def test_reads_each_field_from_its_variable() -> None:
    found = environment_values(WHATSAPP, COMPLETE)
    assert found.values == {"phone_number_id": "106540352242922", "access_token": TOKEN}
    assert (found.problems, found.is_complete) == ({}, True)
    assert TOKEN not in repr(found)


def test_without_variables_there_is_nothing_and_nothing_is_wrong() -> None:
    found = environment_values(WHATSAPP, {"SIGNALBOX_WHATSAPP_ACCESS_TOKEN": "  ", "WHATSAPP_ACCESS_TOKEN": "x"})
    assert (found.values, found.problems, found.is_complete) == ({}, {}, False)


def test_a_missing_required_field_is_named_by_its_variable() -> None:
    found = environment_values(WHATSAPP, {"SIGNALBOX_WHATSAPP_PHONE_NUMBER_ID": "1"})
    assert found.problems == {"SIGNALBOX_WHATSAPP_ACCESS_TOKEN": "This field is required."}
    assert not found.is_complete


def test_a_malformed_value_is_left_out_and_not_repeated() -> None:
    found = environment_values(WHATSAPP, {**COMPLETE, "SIGNALBOX_WHATSAPP_PHONE_NUMBER_ID": "+1 555 0100"})
    assert list(found.values) == ["access_token"]
    (problem,) = found.problems.values()
    assert problem.startswith("Digits only")
    assert not found.is_complete


def test_a_mounted_secret_is_read_and_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    mounted = {
        "SIGNALBOX_WHATSAPP_PHONE_NUMBER_ID": "1",
        "SIGNALBOX_WHATSAPP_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
        "SIGNALBOX_WHATSAPP_APP_SECRET_FILE": str(tmp_path / "missing"),
    }
    found = environment_values(WHATSAPP, mounted)
    assert found.values == {"phone_number_id": "1", "access_token": TOKEN}
    assert list(found.problems) == ["SIGNALBOX_WHATSAPP_APP_SECRET_FILE"]
    assert found.is_complete


def test_names_of_all_variables_differ() -> None:
    names = [environment_name(provider, field) for provider in all_providers() for field in provider.fields]
    older = [name for provider in all_providers() for field in provider.fields for name in field.environment]
    assert len({*names, *older}) == len(names) + len(older)
