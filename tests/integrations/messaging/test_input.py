from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import InvalidInputError
from integrations.messaging.input import checked_input, e164

GOOD: dict[str, Any] = {"channel": "sms", "to": "+16505551234", "text": "Hello"}


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("+16505551234", "+16505551234"),
        ("+1 (650) 555-1234", "+16505551234"),
        (" +49 30 901820 ", "+4930901820"),
        ("+55 11 96123-4567", "+5511961234567"),
    ],
)
def test_numbers_are_stored_as_e164(written: str, stored: str) -> None:
    assert e164(written) == stored


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("6505551234", "Write the number with a plus sign and the country's code"),
        ("", "Write the number with a plus sign"),
        ("0049 30 901820", "Write the number with a plus sign"),
        ("+", "This is no phone number"),
        ("+abc", "This is no phone number"),
        ("+9991234567", "This is no phone number"),
        ("+1650", "too few digits for a number in +1"),
        ("+165055512345678", "too many digits for a number in +1"),
        ("+16505551234 ext. 5", "with an extension"),
        ("+" + "1" * 10_000, "This is no phone number"),
        (16505551234, "Give a text"),
        (None, "Give a text"),
    ],
)
def test_other_numbers_are_refused_with_the_way_out(number: object, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_input(**{**GOOD, "to": number})
    assert list(refused.value.errors) == ["to"]
    assert reason in refused.value.errors["to"][0]


@given(st.text() | st.integers() | st.none())
def test_whatever_is_given_as_a_number_is_stored_as_e164_or_refused(number: object) -> None:
    try:
        stored = e164(number)
    except ValueError:
        return
    assert stored.startswith("+")
    assert stored[1:].isdigit()
    assert len(stored) <= 20


@pytest.mark.parametrize(
    ("given_", "field", "reason"),
    [
        ({"channel": "pigeon"}, "channel", "Choose one of: whatsapp, sms."),
        ({"channel": None}, "channel", "Choose one of"),
        ({"text": ""}, "text", "Give a text, or a template."),
        ({"text": "  \n"}, "text", "Give a text, or a template."),
        ({"text": "a\0b"}, "text", "NUL"),
        ({"text": "\ud800"}, "text", "surrogates"),
        ({"text": "x" * 10_001}, "text", "at most 10,000"),
        ({"text": 5}, "text", "Give a text."),
        ({"template": {"name": "hi", "language": "en"}}, "template", "either a text or a template"),
        ({"text": "", "template": "hi"}, "template", "Give a JSON object."),
        ({"text": "", "template": {"language": "en"}}, "template", "template's name"),
        ({"text": "", "template": {"name": "hi"}}, "template", "template's language"),
        ({"text": "", "template": {"name": "hi", "language": "en", "components": {}}}, "template", "list of objects"),
        ({"text": "", "template": {"name": "hi", "language": "en", "colour": 1}}, "template", "no colour"),
        ({"metadata": {"a": float("nan")}}, "metadata", "finite numbers"),
        ({"metadata": {"a": "\0"}}, "metadata", "NUL"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata", "at most 16,384"),
        ({"metadata": [1]}, "metadata", "Give a JSON object."),
        ({"triggered_by": "x" * 101}, "triggered_by", "at most 100"),
        ({"idempotency_key": " "}, "idempotency_key", "printable ASCII"),
        ({"idempotency_key": ""}, "idempotency_key", "printable ASCII"),
    ],
)
def test_wrong_fields_are_named(given_: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_input(**{**GOOD, **given_})
    assert list(refused.value.errors) == [field]
    assert reason in refused.value.errors[field][0]


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_input(channel="fax", to="12", text="", triggered_by=7)
    assert set(refused.value.errors) == {"channel", "to", "text", "triggered_by"}


def test_nesting_is_bounded() -> None:
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"a": deep}
    with pytest.raises(InvalidInputError, match="nested"):
        checked_input(**GOOD, metadata=deep)
