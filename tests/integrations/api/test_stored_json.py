from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer

from integrations.api.stored_json import json_or_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"ok": true, "n": [1, 2.5, null]}', {"ok": True, "n": [1, 2.5, None]}),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("42", 42),
        ("null", None),
        ("{}", {}),
    ],
)
def test_json_is_shown_as_what_it_is(text: str, value: Any) -> None:
    assert json_or_text(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OK",
        "<html></html>",
        '{"cut',
        "NaN",
        "[1, -Infinity]",
        "1e999",
        '["\\ud83d"]',
        "9" * 5_000,
        "[" * 8_000 + "]" * 8_000,
    ],
    ids=lambda text: text[:12],
)
def test_text_stays_text_when_no_answer_could_hold_it_as_json(text: str) -> None:
    assert json_or_text(text) == text


def test_value_can_be_answered_when_it_is_nested_as_deeply_as_can_be_parsed() -> None:
    for depth in range(800, 1_000):
        shown = json_or_text("[" * depth + "]" * depth)
        assert JSONRenderer().render({"results": [{"response_body": shown}]})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_every_json_value_survives_or_stays_text(value: Any) -> None:
    text = json.dumps(value)
    assert json_or_text(text) in (value, text)
