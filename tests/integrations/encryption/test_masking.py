from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.encryption.masking import mask


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        ("a", "***"),
        ("12345678901", "***"),
        ("123456789012", "***9012"),
        ("EAATestAccessToken123456789", "***6789"),
        ("0123456789abcdef0123456789abcdef", "***cdef"),
        ("x" * 35 + "abcd", "***abcd"),
        ("EAATestAccessToken-that-is-long-enough-456789", "EAATestAcc***456789"),
        ("0123456789" + "x" * 24 + "456789", "0123456789***456789"),
    ],
)
def test_shows_what_the_length_allows(value: str, shown: str) -> None:
    assert mask(value) == shown


@given(st.text(max_size=120))
def test_never_shows_more_than_the_rule(value: str) -> None:
    prefix, suffix = (10, 6) if len(value) >= 40 else (0, 4) if len(value) >= 12 else (0, 0)
    shown = mask(value)

    assert shown == ("" if not value else value[:prefix] + "***" + (value[-suffix:] if suffix else ""))
    assert len(shown) <= 19


@given(st.text(min_size=40, max_size=80), st.text(min_size=40, max_size=80))
def test_says_nothing_about_the_middle(first: str, second: str) -> None:
    """Two secrets that agree where it is shown are masked alike, whatever lies between and however long it is."""
    twin = first[:10] + second + first[-6:]

    assert mask(twin) == mask(first)
