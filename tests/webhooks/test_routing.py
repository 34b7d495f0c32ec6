"""Event types, and the patterns by which webhooks want them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.routing import Router, event_type_problems
from webhooks.validation import event_type_problems as pattern_problems

SEGMENT = st.text("ab_0", min_size=1, max_size=2)
EVENT_TYPE = st.lists(SEGMENT, min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize(
    ("pattern", "event_type", "matches"),
    [
        ("order.paid", "order.paid", True),
        ("order.paid", "order.paid.late", False),
        ("order.paid", "order", False),
        ("order.*", "order.paid", True),
        ("order.*", "order.paid.late", True),
        ("order.*", "order", False),
        ("order.*", "orders.paid", False),
        ("order.*", "my.order.paid", False),
        ("order.paid.*", "order.paid", False),
        ("order.paid.*", "order.paid.late", True),
        ("*", "order.paid", True),
        ("*", "order", True),
    ],
)
def test_a_pattern_matches_itself_or_all_below(pattern: str, event_type: str, matches: bool) -> None:
    assert Router([("webhook", [pattern])]).subscribers(event_type) == (["webhook"] if matches else [])


def test_subscribers_are_found_once_and_in_their_order() -> None:
    router = Router([("c", ["*", "order.*", "order.paid"]), ("a", ["order.paid"]), ("d", ["x"]), ("b", ["order.*"])])

    assert router.subscribers("order.paid") == ["c", "a", "b"]


def test_a_subscriber_without_patterns_is_never_found() -> None:
    assert Router([("webhook", [])]).subscribers("order.paid") == []


@given(EVENT_TYPE, EVENT_TYPE)
def test_below_means_a_dot_and_more(prefix: str, event_type: str) -> None:
    assert bool(Router([(1, [f"{prefix}.*"])]).subscribers(event_type)) is event_type.startswith(f"{prefix}.")


@given(EVENT_TYPE)
def test_every_event_type_is_a_pattern_too(event_type: str) -> None:
    assert event_type_problems(event_type) == pattern_problems([event_type]) == []


@pytest.mark.parametrize(
    "event_type",
    [
        *("", " ", "Order.paid", "order paid", "order-paid", "order/paid", "order.", ".order", "a..b", "order.*", "*"),
        *("zoë", "a\n", "a\0", "\ud800", None, 7, ["a"], "a" * 129),
    ],
)
def test_other_texts_are_no_event_type(event_type: object) -> None:
    assert len(event_type_problems(event_type)) == 1


def test_an_event_type_may_have_128_characters() -> None:
    assert event_type_problems("a" * 128) == []
