from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.api_keys.key_text import PATTERN, KeyText, base62

ROOT = Path(__file__).resolve().parents[3]
# Worked by hand once: changing the format makes every key that exists a typing mistake.
KNOWN = "sb_live_0123456789ABCDEF_00000000000000000000000000000000000000000003zoP5A"


def test_make_gives_a_key_of_the_documented_form_which_parses_to_itself() -> None:
    made = KeyText.make()
    assert re.fullmatch(PATTERN, made.text)
    assert len(made.text) == 74
    assert made.prefix == made.text[:24]
    assert KeyText.parse(made.text) == made


def test_documented_pattern_is_the_one_of_the_code() -> None:
    for page in ("explanation/api-keys.md", "how-to/manage-api-keys.md"):
        assert PATTERN in (ROOT / "docs" / page).read_text()


def test_keys_differ_in_id_and_in_secret() -> None:
    made = [KeyText.make() for _ in range(100)]
    assert len({key.prefix for key in made}) == 100
    assert len({key.text[25:] for key in made}) == 100


def test_checksum_of_a_known_key_stays_as_it_is() -> None:
    assert KeyText.parse(KNOWN) is not None


@given(st.data())
def test_one_changed_character_is_no_key(data: st.DataObject) -> None:
    text = KeyText.make().text
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda character: character != text[at]))
    assert KeyText.parse(text[:at] + other + text[at + 1 :]) is None


@given(st.integers(0, 72))
def test_two_neighbours_swapped_are_no_key_unless_they_are_equal(at: int) -> None:
    text = KeyText.make().text
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    assert (KeyText.parse(swapped) is not None) == (text[at] == text[at + 1])


@given(st.text())
def test_no_other_text_is_a_key(text: str) -> None:
    assert KeyText.parse(text) is None
    assert KeyText.parse(f"sb_live_{text}") is None


@pytest.mark.parametrize("around", ["{} ", " {}", "{}\n", "{}\x00", "Bearer {}", "{}{}"])
def test_a_key_with_something_around_it_is_no_key(around: str) -> None:
    text = KeyText.make().text
    assert KeyText.parse(around.format(text, text)) is None


@given(st.integers(0, 2**256 - 1))
def test_base62_holds_32_bytes_in_43_digits_that_sort_like_numbers(number: int) -> None:
    digits = base62(number, 43)
    assert len(digits) == 43
    total = 0
    for digit in digits:
        total = total * 62 + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".index(digit)
    assert total == number


def test_base62_refuses_a_number_that_does_not_fit() -> None:
    with pytest.raises(OverflowError):
        base62(62**6, 6)


def test_repr_shows_no_secret() -> None:
    made = KeyText.make()
    assert made.text not in repr(made)
    assert made.prefix in repr(made)
