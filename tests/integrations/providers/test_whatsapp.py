from __future__ import annotations

import pytest

from integrations.providers.whatsapp.provider import whatsapp

GIVEN = {"phone_number_id": "106540352242922", "access_token": "EAATestAccessTokenForDocumentationOnly123456789"}


def test_sender_and_token_are_enough() -> None:
    assert whatsapp.problems(GIVEN) == {}


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in whatsapp.fields} == {
        "phone_number_id": False,
        "business_account_id": False,
        "access_token": True,
        "webhook_verify_token": True,
        "app_secret": True,
        "phone_number": False,
        "api_version": False,
    }
    assert whatsapp.slot == "whatsapp"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("phone_number_id", "+16505551234", "not the number itself"),
        ("phone_number_id", "10654abc", "Digits only"),
        ("business_account_id", "WABA-1", "Digits only"),
        ("access_token", "Bearer EAAx", "no “Bearer”"),
        ("access_token", "EAA\u00e9", "Paste the token alone"),
        ("app_secret", "abc", "32 hexadecimal"),
        ("app_secret", "g" * 32, "32 hexadecimal"),
        ("phone_number", "0650 5551234", "country code"),
        ("phone_number", "+1650555123456789", "country code"),
        ("phone_number", "my phone", "country code"),
    ],
)
def test_field_is_refused_with_its_format_when_malformed(field: str, value: str, said: str) -> None:
    problems = whatsapp.problems({**GIVEN, field: value})
    assert list(problems) == [field]
    assert said in problems[field][0]


@pytest.mark.parametrize(
    "written", ["+16505551234", "16505551234", "+1 (650) 555-1234", "1.650.555.1234", "+1 650\u2010555\u20101234"]
)
def test_phone_number_is_stored_as_e164_however_it_is_written(written: str) -> None:
    assert whatsapp.cleaned({**GIVEN, "phone_number": written})["phone_number"] == "+16505551234"


def test_token_of_any_shape_is_accepted() -> None:
    for token in ("EAAx", "temp-token_1.2|3", "x" * 1000):
        assert whatsapp.problems({**GIVEN, "access_token": token}) == {}
