from __future__ import annotations

import pytest

from integrations.providers.vonage.provider import vonage

GIVEN = {"api_key": "abcd1234", "api_secret": "ExampleSecret16ch", "from": "+447700900000"}


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert vonage.problems(GIVEN) == {}
    assert {field.name: field.secret for field in vonage.fields} == {"api_key": True, "api_secret": True, "from": False}
    assert vonage.slot == "sms"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("api_key", "abcd123", "8 letters and digits"),
        ("api_key", "abcd12345", "8 letters and digits"),
        ("api_key", "abcd-123", "8 letters and digits"),
        ("api_secret", "short", "6 to 32 characters"),
        ("api_secret", "x" * 33, "6 to 32 characters"),
        ("api_secret", "two words", "without spaces"),
        ("from", "+0123456", "such as +447700900000"),
        ("from", "00447700900000", "such as +447700900000"),
        ("from", "twelve-chars", "such as +447700900000"),
        ("from", "Acme Shop Ltd", "such as +447700900000"),
        ("from", "ACMÉ", "such as +447700900000"),
    ],
)
def test_field_is_refused_with_its_format_when_malformed(field: str, value: str, said: str) -> None:
    problems = vonage.problems({**GIVEN, field: value})
    assert list(problems) == [field]
    assert said in problems[field][0]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("+44 (7700) 900-000", "+447700900000"),
        ("447700900000", "+447700900000"),
        ("12345", "12345"),
        ("Acme Shop", "Acme Shop"),
        ("ACME2", "ACME2"),
    ],
)
def test_sender_is_accepted_when_number_short_code_or_name(written: str, stored: str) -> None:
    assert vonage.cleaned({**GIVEN, "from": written})["from"] == stored
