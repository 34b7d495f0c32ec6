"""The pure part: which events rules concern, and what paths hide."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.redaction import Redaction, masked, path_problems

PAYLOAD = {
    "id": 7,
    "customer": {"name": "Ada", "email": "ada@example.com"},
    "items": [{"sku": "a", "card": {"number": "4111"}}, {"sku": "b"}],
    "auth": [{"password": "x"}, {"deep": {"password": {"old": 1}}}],
}


@dataclass(frozen=True)
class Rule:
    event_type: str
    paths: list[str] = field(default_factory=list)


def hidden(*paths: str) -> Any:
    return json.loads(masked(json.dumps(PAYLOAD), paths))


def test_replaces_what_a_path_finds_whatever_it_is() -> None:
    shown = hidden("$.customer.email", "$.items[*].card", "$..password", "$['id']")
    assert shown == {
        "id": "***",
        "customer": {"name": "Ada", "email": "***"},
        "items": [{"sku": "a", "card": "***"}, {"sku": "b"}],
        "auth": [{"password": "***"}, {"deep": {"password": "***"}}],
    }


def test_a_path_into_what_another_one_hid_changes_nothing_more() -> None:
    assert hidden("$.customer", "$.customer.email") == hidden("$.customer.email", "$.customer") == hidden("$.customer")
    assert hidden("$.items[*]", "$.items[0].card.number")["items"] == ["***", "***"]


@pytest.mark.parametrize("paths", [(), ("$.nothing",), ("$.customer.email.deeper", "$.items.name", "$.id[0]")])
def test_leaves_every_byte_where_nothing_is_found(paths: tuple[str, ...]) -> None:
    body = '{ "id" : 1.50, "customer":{"email":"é"}, "items":[] }'
    assert masked(body, paths) == body


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda child: st.lists(child, max_size=4) | st.dictionaries(st.sampled_from("abc"), child, max_size=3),
        max_leaves=20,
    ).map(lambda value: {"a": value}),
    st.lists(st.sampled_from(["$.a", "$.a.b", "$..c", "$.a[*]", "$.a[0].b", "$[*].a", "$.a[1:]"]), max_size=4),
)
def test_is_idempotent_and_leaves_nothing_to_find(payload: dict[str, Any], paths: list[str]) -> None:
    once = masked(json.dumps(payload, ensure_ascii=False), paths)
    assert masked(once, paths) == once
    if "$.a" in paths:
        assert json.loads(once) == {"a": "***"}


def test_rules_concern_their_type_those_below_and_star_direct_calls_too() -> None:
    redaction = Redaction([Rule("order.*", ["$.a", "$.b"]), Rule("order.paid", ["$.b", "$.c"]), Rule("*", ["$.d"])])
    assert redaction.paths_for("order.paid") == ["$.a", "$.b", "$.c", "$.d"]
    assert redaction.paths_for("order.paid.late") == ["$.a", "$.b", "$.d"]
    assert redaction.paths_for("order") == ["$.d"]
    assert redaction.paths_for("") == ["$.d"]
    assert redaction.masked("order", '{"a":1,"d":2}') == '{"a":1,"d":"***"}'


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        ([], "Give at least one path"),
        (["$.a"] * 51, "Use at most 50 paths."),
        ([7], "Each path is a text"),
        (["customer.email"], "'customer.email' is no JSONPath"),
        (["$.a["], "'$.a[' is no JSONPath"),
        (["$.a | $.b"], "is no JSONPath"),
        (["$"], "is the whole payload"),
        (["$.items[?@.price > 1]"], "has a filter"),
        (["$..a..b"], "more than one .."),
        (["$." + "a" * 200], "at most 200 characters"),
    ],
)
def test_says_what_is_wrong_with_a_path(paths: list[object], problem: str) -> None:
    (reason,) = path_problems(paths)
    assert problem in reason


def test_takes_the_paths_of_the_documentation() -> None:
    assert path_problems(["$.customer.email", "$.items[*].card", "$..password", "$['odd name'][0]", "$.a[1:3]"]) == []
