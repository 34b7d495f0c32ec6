"""What each kind of field accepts, and how it is stored and shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from integrations.encryption.secret import Secret
from integrations.providers.base import Field, FieldKind, InvalidValueError, Provider
from integrations.providers.field_values import shown_object
from integrations.providers.values import Values
from integrations.services.integration_values import merge

REGION = Field(
    name="region", label="Region", help="Where.", example="eu", secret=False, kind=FieldKind.CHOICE, default="us",
    choices=(("us", "United States"), ("eu", "Europe")),
)  # fmt: skip
EMAIL = Field(name="email", label="E-mail", help="Whose.", example="a@example.com", secret=False, kind=FieldKind.EMAIL)
QUERY = Field(name="query", label="Query", help="What.", example="{ me }", secret=False, kind=FieldKind.MULTILINE)
NAMED = Field(name="credentials", label="Credentials", help="By name.", example='{"key": "v"}', kind=FieldKind.OBJECT)
JSON = Field(name="blocks", label="Blocks", help="Some.", example="[1]", kind=FieldKind.JSON, max_length=100)
TOKEN = Field(name="token", label="Token", help="One.", example="t", required_when=("region", ("eu",)))
PROVIDER = Provider(
    key="kinds", label="Kinds", slot="kinds", documentation=Path("doc.md"), fields=(REGION, EMAIL, QUERY, NAMED, TOKEN)
)


def refusal(field: Field, value: object) -> str:
    with pytest.raises(InvalidValueError) as caught:
        field.clean(value)
    return str(caught.value)


def test_choice_takes_its_values_and_names_them_otherwise() -> None:
    assert REGION.clean(" eu ") == "eu"
    assert refusal(REGION, "Europe") == "Must be one of us, eu."


def test_email_is_checked() -> None:
    assert EMAIL.clean("ada@example.com") == "ada@example.com"
    assert refusal(EMAIL, "ada at example") == "Must be an e-mail address, such as ada@example.com."


def test_several_lines_keep_their_breaks_but_nothing_invisible() -> None:
    assert QUERY.clean("{\n\tme\r\n}") == "{\n\tme\r\n}"
    assert (
        refusal(QUERY, "{ me \x00}") == "Contains an invisible or control character: copy the value again without it."
    )


def test_object_is_taken_as_one_or_as_json_and_stored_in_one_form() -> None:
    assert NAMED.clean({"b": " 2 ", "a": "1"}) == NAMED.clean(' {"a": "1", "b": "2"} ') == '{"a": "1", "b": "2"}'
    assert NAMED.clean({}) == NAMED.clean("{}") == NAMED.clean("  ") == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("key=value", 'Must be a JSON object, such as {"name": "value"}.'),
        (["a"], 'Must be a JSON object, such as {"name": "value"}.'),
        ("[" * 100_000, 'Must be a JSON object, such as {"name": "value"}.'),
        ({"bad name": "x"}, "A name consists of letters, digits and underscores, and begins with a letter."),
        ({"key": 5}, "key: must be a text that is not blank."),
        ({"key": {"deeper": "x"}}, "key: must be a text that is not blank."),
        ({"key": "x" * 2001}, "key: at most 2000 characters."),
        ({"key": "hunter2\n"[::-1]}, None),
        ({"key": "hun\u200bter"}, "Contains an invisible or control character: copy the value again without it."),
        ({f"k{n}": "x" for n in range(51)}, "At most 50 entries."),
    ],
)  # fmt: skip
def test_object_says_what_is_wrong(value: object, reason: str | None) -> None:
    if reason is None:
        assert NAMED.clean(value) == '{"key": "2retnuh"}'
    else:
        assert refusal(NAMED, value) == reason


def test_object_of_secrets_refuses_the_masked_form_and_is_shown_by_name() -> None:
    assert "masked form" in refusal(NAMED, {"key": "***7890"})
    stored = NAMED.clean({"key": "abcdef1234567890", "pin": "1234"})
    assert shown_object(stored, masked=True) == {"key": "***7890", "pin": "***"}


def test_blank_entries_of_an_object_keep_what_is_stored_and_missing_ones_go() -> None:
    stored = {"credentials": Secret('{"a": "one-value", "b": "two-value"}')}
    merged, problems = merge(PROVIDER, given={"credentials": {"a": "", "c": "three"}}, stored=stored, keep_public=True)
    assert problems == {}
    assert merged.changed == ["credentials"]
    assert merged.config["credentials"].reveal() == '{"a": "one-value", "c": "three"}'
    _, problems = merge(PROVIDER, given={"credentials": {"new": ""}}, stored=stored, keep_public=True)
    assert problems == {"credentials": ["new: must be a text that is not blank."]}


def test_requirement_that_depends_on_another_field_follows_what_is_given_stored_or_assumed() -> None:
    missing = {"token": ["This field is required when region is eu."]}
    assert PROVIDER.problems({"region": "eu"}) == missing
    assert PROVIDER.problems({}, stored={"region": "eu"}) == missing
    assert PROVIDER.problems({"region": "us"}, stored={"region": "eu"}) == {}
    assert PROVIDER.problems({}) == {}
    assert PROVIDER.problems({"region": "eu", "token": "t"}) == {}
    _, problems = merge(
        PROVIDER, given={"token": None}, stored={"region": "eu", "token": Secret("t")}, keep_public=True
    )
    assert problems == missing


def test_values_open_secrets_fill_in_defaults_and_show_names_alone() -> None:
    config = {"token": Secret("secret-token"), "credentials": Secret('{"a": "one-value"}'), "email": "a@example.com"}
    values = Values.revealed(PROVIDER, config)
    assert dict(values) == {
        "region": "us", "token": "secret-token", "credentials": '{"a": "one-value"}', "email": "a@example.com",
    }  # fmt: skip
    assert values.object("credentials") == {"a": "one-value"}
    assert values.object("query") == {}
    assert set(values.secrets()) == {"secret-token", '{"a": "one-value"}', "one-value"}
    assert repr(values) == "Values(credentials, email, region, token)"


def test_choices_belong_to_their_kind() -> None:
    with pytest.raises(ValueError, match="choices and their kind go together"):
        replace(PROVIDER, fields=(replace(REGION, kind=FieldKind.TEXT),))


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ([{"type": "divider"}], '[{"type": "divider"}]'),
        (' {"b": 1, "a": "ü"} ', '{"b": 1, "a": "ü"}'),
        ({}, ""),
        ("[]", ""),
        ("  ", ""),
        (None, ""),
    ],
)
def test_json_is_taken_as_it_is_or_as_text(given: object, stored: str) -> None:
    assert JSON.clean(given) == stored


@pytest.mark.parametrize("wrong", ["{", '"text"', "5", 5, True, [float("nan")], "[" * 100_000, {"a": {1, 2}}])
def test_json_must_be_an_array_or_an_object(wrong: object) -> None:
    assert refusal(JSON, wrong) == 'Must be a JSON array or object, such as [{"type": "divider"}].'


def test_json_has_a_longest_text() -> None:
    assert refusal(JSON, ["x" * 100]) == "At most 100 characters."
