from __future__ import annotations

import pytest

from integrations.providers.twilio.provider import twilio

ACCOUNT = {"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "0123456789abcdef0123456789abcdef"}
SERVICE = "MG0123456789abcdef0123456789abcdef"


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in twilio.fields} == {
        "account_sid": True,
        "auth_token": True,
        "api_key_sid": True,
        "api_key_secret": True,
        "phone_number": False,
        "messaging_service_sid": False,
    }
    assert twilio.slot == "sms"


@pytest.mark.parametrize(
    "sender",
    [
        {"phone_number": "+15005550006"},
        {"messaging_service_sid": SERVICE},
        {"phone_number": "+15005550006", "messaging_service_sid": SERVICE},
    ],
)
def test_number_or_service_or_both_are_accepted(sender: dict[str, str]) -> None:
    assert twilio.problems({**ACCOUNT, **sender}) == {}


def test_api_key_stands_in_for_the_token_as_a_pair_only() -> None:
    sid, sender = {"account_sid": ACCOUNT["account_sid"]}, {"phone_number": "+15005550006"}
    pair = {"api_key_sid": "SK0123456789abcdef0123456789abcdef", "api_key_secret": "ExampleSecretForDocumentation"}
    assert twilio.problems({**sid, **sender, **pair}) == {}
    assert twilio.problems({**ACCOUNT, **sender, "api_key_sid": pair["api_key_sid"]}) == {
        "api_key_secret": ["This field is required together with api_key_sid."]
    }
    assert twilio.problems({**sid, **sender}) == {
        "auth_token": ["Give auth_token or api_key_secret."],
        "api_key_secret": ["Give api_key_secret or auth_token."],
    }


def test_both_are_named_when_neither_is_given() -> None:
    assert twilio.problems(ACCOUNT) == {
        "phone_number": ["Give phone_number or messaging_service_sid."],
        "messaging_service_sid": ["Give messaging_service_sid or phone_number."],
    }


def test_only_the_wrong_one_is_named_when_a_sender_is_malformed() -> None:
    assert list(twilio.problems({**ACCOUNT, "phone_number": "+12 monkeys"})) == ["phone_number"]


@pytest.mark.parametrize(
    ("written", "stored"),
    [("+1 (500) 555-0006", "+15005550006"), ("12345", "12345"), ("Acme Shop", "Acme Shop"), ("ACME2", "ACME2")],
)
def test_sender_is_accepted_when_number_short_code_or_name(written: str, stored: str) -> None:
    assert twilio.cleaned({**ACCOUNT, "phone_number": written})["phone_number"] == stored


@pytest.mark.parametrize(
    "wrong", ["+0123456", "twelve-chars", "Acme Shop Ltd", "005005550006", "+1500555000612345", "ACMÉ"]
)
def test_sender_is_refused_when_it_is_none_of_them(wrong: str) -> None:
    assert "such as +15005550006" in twilio.problems({**ACCOUNT, "phone_number": wrong})["phone_number"][0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_sid", "SK0123456789abcdef0123456789abcdef"),
        ("account_sid", "AC123"),
        ("account_sid", "ac0123456789abcdef0123456789abcdef"),
        ("messaging_service_sid", "MG123"),
        ("auth_token", "two words"),
    ],
)
def test_field_is_refused_when_malformed(field: str, value: str) -> None:
    assert list(twilio.problems({**ACCOUNT, "messaging_service_sid": SERVICE, field: value})) == [field]
