from __future__ import annotations

import pytest

from integrations.spreadsheets import harmless_cell


@pytest.mark.parametrize("text", ["=1+1", "+49 30 1234", "-1", "@A1", "\tx", "\rx", "\nx", "'quoted"])
def test_what_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert harmless_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", " =1", "2026-01-31T12:00:00Z", '{"a":1}', '"'])
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert harmless_cell(text) == text
