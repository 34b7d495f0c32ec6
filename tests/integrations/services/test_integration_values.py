"""How a request's values meet the stored ones."""

from __future__ import annotations

import pytest

from integrations.encryption.secret import Secret
from integrations.providers.n8n.provider import n8n
from integrations.providers.twilio.provider import twilio
from integrations.providers.whatsapp.provider import whatsapp
from integrations.services.integration_values import envelope_problems, merge

TOKEN = "EAATestAccessTokenForDocumentationOnly123456789"
APP_SECRET = "0123456789abcdef0123456789abcdef"


def stored() -> dict[str, object]:
    return {
        "phone_number_id": "106540352242922",
        "business_account_id": "102290129340398",
        "access_token": Secret(TOKEN),
        "app_secret": Secret(APP_SECRET),
    }


def plain(config: dict[str, object]) -> dict[str, object]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in config.items()}


def test_put_clears_public_fields_and_keeps_secrets_when_they_are_left_out() -> None:
    before = stored()
    merged, problems = merge(whatsapp, given={"phone_number_id": "42"}, stored=before, keep_public=False)
    assert problems == {}
    assert plain(merged.config) == {"phone_number_id": "42", "access_token": TOKEN, "app_secret": APP_SECRET}
    assert merged.config["access_token"] is before["access_token"]
    assert merged.changed == ["phone_number_id", "business_account_id"]


def test_patch_keeps_everything_that_is_left_out() -> None:
    merged, problems = merge(whatsapp, given={"phone_number_id": "42"}, stored=stored(), keep_public=True)
    assert problems == {}
    assert plain(merged.config) == {**plain(stored()), "phone_number_id": "42"}
    assert merged.changed == ["phone_number_id"]


@pytest.mark.parametrize("keep_public", [True, False])
@pytest.mark.parametrize("blank", ["", "   ", "\t\n"])
def test_secret_is_kept_when_blank(keep_public: bool, blank: str) -> None:
    given = {"phone_number_id": "106540352242922", "business_account_id": "102290129340398", "access_token": blank}
    merged, problems = merge(whatsapp, given=given, stored=stored(), keep_public=keep_public)
    assert problems == {}
    assert plain(merged.config) == plain(stored())
    assert merged.changed == []


@pytest.mark.parametrize("keep_public", [True, False])
def test_optional_secret_is_cleared_when_null(keep_public: bool) -> None:
    given = {**plain(stored()), "app_secret": None}
    merged, problems = merge(whatsapp, given=given, stored=stored(), keep_public=keep_public)
    assert problems == {}
    assert "app_secret" not in merged.config
    assert merged.changed == ["app_secret"]


@pytest.mark.parametrize("keep_public", [True, False])
def test_required_secret_is_refused_when_null(keep_public: bool) -> None:
    given = {"phone_number_id": "42", "access_token": None}
    _, problems = merge(whatsapp, given=given, stored=stored(), keep_public=keep_public)
    assert problems == {"access_token": ["This field is required."]}


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_public_field_is_cleared_when_blank_or_null(empty: str | None) -> None:
    merged, _ = merge(whatsapp, given={"business_account_id": empty}, stored=stored(), keep_public=True)
    assert "business_account_id" not in merged.config
    assert merged.changed == ["business_account_id"]
    _, problems = merge(whatsapp, given={"phone_number_id": empty}, stored=stored(), keep_public=True)
    assert problems == {"phone_number_id": ["This field is required."]}


def test_nothing_changed_when_equal_values_are_given() -> None:
    given = {**plain(stored()), "access_token": f" {TOKEN}\n"}
    merged, problems = merge(whatsapp, given=given, stored=stored(), keep_public=False)
    assert (merged.changed, problems) == ([], {})


def test_null_of_a_field_that_is_not_set_is_no_change() -> None:
    merged, problems = merge(
        whatsapp, given={"phone_number": None, "webhook_verify_token": None}, stored=stored(), keep_public=True
    )
    assert (merged.changed, problems) == ([], {})


def test_new_secret_replaces_the_stored_one() -> None:
    merged, _ = merge(whatsapp, given={"access_token": "EAAnew"}, stored=stored(), keep_public=True)
    assert plain(merged.config)["access_token"] == "EAAnew"
    assert merged.changed == ["access_token"]


def test_kept_public_value_is_not_checked_again_when_rules_became_stricter() -> None:
    merged, problems = merge(n8n, given={}, stored={"base_url": "http://10.0.0.1"}, keep_public=True)
    assert (merged.config, problems) == ({"base_url": "http://10.0.0.1"}, {})


def test_group_stays_satisfied_by_what_is_kept() -> None:
    before: dict[str, object] = {
        "account_sid": Secret("AC" + "0" * 32),
        "auth_token": Secret("x"),
        "phone_number": "+15005550006",
    }
    service = {"messaging_service_sid": "MG" + "0" * 32}
    assert merge(twilio, given=service, stored=before, keep_public=False)[1] == {}
    assert set(merge(twilio, given={"phone_number": None}, stored=before, keep_public=True)[1]) == {
        "phone_number",
        "messaging_service_sid",
    }


def test_field_that_the_provider_no_longer_has_is_left_behind() -> None:
    merged, _ = merge(n8n, given={}, stored={"base_url": "https://a.example", "old": "x"}, keep_public=True)
    assert merged.config == {"base_url": "https://a.example"}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("enabled", None, "true or false"),
        ("enabled", "true", "true or false"),
        ("enabled", 1, "true or false"),
        ("name", 5, "string"),
        ("name", "x" * 101, "100 characters"),
        ("name", "a\x00b", "control character"),
        ("name", "a\nb", "control character"),
        ("name", "\ud800", "control character"),
        ("description", "x" * 501, "500 characters"),
        ("description", "a\x00b", "control character"),
        ("metadata", [], "object"),
        ("metadata", "x", "object"),
        ("metadata", {"a": "x" * 16 * 1024}, "16 KiB"),
        ("metadata", {"a": "\x00"}, "NUL"),
        ("metadata", {"a": [{"b\x00": 1}]}, "NUL"),
        ("metadata", {"a": float("inf")}, "finite"),
        ("metadata", {"a": "\ud800"}, "Unicode"),
        ("metadata", {"a": object()}, "plain JSON"),
        ("metadata", {"access_token": TOKEN}, "shown in clear: give access_token beside it"),
    ],
)
def test_envelope_is_refused_with_a_reason_when_wrong(field: str, value: object, said: str) -> None:
    problems = envelope_problems({field: value}, whatsapp)
    assert list(problems) == [field]
    assert said in problems[field][0]


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"name": "", "description": "", "metadata": {}},
        {"name": None, "description": None, "metadata": None},
        {"name": "Sales 🎉", "description": "two\nlines", "enabled": False},
        {"metadata": {"a": [1, 2.5, None, {"b": "\\u0000"}]}},
    ],
)
def test_envelope_is_accepted(envelope: dict[str, object]) -> None:
    assert envelope_problems(envelope, whatsapp) == {}
