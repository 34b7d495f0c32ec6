"""Declarations that contradict themselves, and what validation does with any JSON at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.base import RESERVED_NAMES, Capability, Field, InvalidValueError, Provider
from integrations.providers.registry import all_providers

NAME = Field(name="region", label="Region", help="Where it is.", example="eu", secret=False, required=True)
KEY = Field(name="key", label="Key", help="From the console.", example="k-1", required_without=("pin",))
PIN = Field(name="pin", label="PIN", help="From the console.", example="1234", required_without=("key",))
SMALL = Provider(key="small", label="Small", slot="small", fields=(NAME, KEY, PIN), documentation=Path("doc.md"))


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"key": "Small Provider"}, "its key is malformed"),
        ({"fields": (NAME, NAME)}, "a field is declared twice"),
        ({"fields": (replace(NAME, name="Region"),)}, "a field has a malformed name"),
        ({"fields": (replace(NAME, name="enabled"),)}, "a field has a reserved name"),
        ({"fields": (KEY,)}, "a field refers to an unknown one"),
        ({"webhook_base_field": "key"}, "webhook_base_field is no public field"),
        ({"webhook_base_field": "region"}, "webhook_base_field and its capability go together"),
        ({"capabilities": frozenset({Capability.WEBHOOK_BASE})}, "webhook_base_field and its capability go together"),
    ],
)
def test_declaration_is_refused_when_contradictory(mistake: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=f"provider .*: {said}"):
        replace(SMALL, **mistake)


def test_reserved_names_hold_every_name_that_the_design_gives_to_the_envelope() -> None:
    assert {"enabled", "name", "provider", "slot", "metadata", "items", "statistics"} <= RESERVED_NAMES


def test_fields_are_secret_unless_declared_public() -> None:
    assert [field.name for field in SMALL.secret_fields] == ["key", "pin"]
    assert [field.name for field in SMALL.public_fields] == ["region"]


def test_one_of_two_fields_is_enough_when_they_stand_for_each_other() -> None:
    assert SMALL.problems({"region": "eu", "key": "k"}) == {}
    assert SMALL.problems({"region": "eu"}, stored=["pin"]) == {}
    assert SMALL.problems({"region": "eu", "key": " "}) == {
        "key": ["Give key or pin."],
        "pin": ["Give pin or key."],
    }


def test_every_wrong_field_is_named_at_once() -> None:
    assert SMALL.problems({"key": 5, "regoin": "eu"}) == {
        "region": ["This field is required."],
        "key": ["Must be a string."],
        "regoin": ["Unknown field. Small has region, key, pin."],
    }


def test_thousands_of_unknown_names_are_not_repeated() -> None:
    problems = SMALL.problems({"region": "eu", "key": "k", **{f"{n}{'x' * 500}": 1 for n in range(1000)}})
    assert len(str(problems)) < 10_000


def test_whole_value_must_match_the_pattern() -> None:
    digits = replace(NAME, pattern="[0-9]+", pattern_message="Digits only.")
    assert digits.clean(" 42 ") == "42"
    for wrong in ("42a", "a42", "4 2", "٤٢"):
        with pytest.raises(InvalidValueError, match="Digits only"):
            digits.clean(wrong)


ANY_TEXT = st.text(st.characters(), max_size=60)  # lone surrogates and NUL among them
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
FIELD_NAMES = sorted({field.name for provider in all_providers() for field in provider.fields})
ANY_VALUES = st.dictionaries(st.sampled_from(FIELD_NAMES) | ANY_TEXT, ANY_JSON, max_size=8)


@given(st.sampled_from(all_providers()), ANY_VALUES, st.sets(st.sampled_from(FIELD_NAMES)))
def test_any_json_gives_problems_and_never_raises(
    provider: Provider, values: dict[str, object], stored: set[str]
) -> None:
    problems = provider.problems(values, stored=stored)
    assert all(
        reasons and all(isinstance(reason, str) and reason for reason in reasons) for reasons in problems.values()
    )
    if not problems:
        cleaned = provider.cleaned(values)
        assert provider.problems(cleaned, stored=stored) == {}
        assert provider.cleaned(cleaned) == cleaned


WRITTEN = (
    st.builds("{}://{}".format, st.sampled_from(["https", "HTTP", "ftp"]), st.text("aZ1.-:/?#@%[]é ", max_size=20))
    | st.text("0123456789+-. ()ACMGabc", max_size=40)
    | ANY_TEXT
)
EVERY_FIELD = [field for provider in all_providers() for field in provider.fields]


@given(st.sampled_from(EVERY_FIELD), WRITTEN)
def test_what_is_accepted_is_stored_in_one_form(field: Field, written: str) -> None:
    try:
        once = field.clean(written)
    except InvalidValueError:
        return
    assert field.clean(once) == once
    assert once == once.strip()
