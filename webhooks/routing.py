"""Which subscribers an event concerns: event types and the patterns that match them. Pure, no database.

An event type is `order.paid`: segments of `a-z`, `0-9` and `_`, joined by dots. A pattern is such a type, which matches
itself; `order.*`, which matches everything below `order`, at any depth, but not `order`; or `*`, which matches all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeVar

MAX_EVENT_TYPE_LENGTH: Final = 128
EVERYTHING: Final = "*"
_BELOW: Final = ".*"
_EVENT_TYPE: Final = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")

Subscriber = TypeVar("Subscriber")


def event_type_problems(event_type: object) -> list[str]:
    """Return what is wrong with the type of an event, in the words that a caller reads; none means valid."""
    if not isinstance(event_type, str) or not _EVENT_TYPE.fullmatch(event_type):
        return ["Use a-z, 0-9 and _ in segments joined by dots, such as order.paid."]
    if len(event_type) > MAX_EVENT_TYPE_LENGTH:
        return [f"Use at most {MAX_EVENT_TYPE_LENGTH} characters."]
    return []


class Router(Generic[Subscriber]):
    """Finds an event's subscribers in as many look-ups as its type has segments, however many subscribers there are."""

    def __init__(self, subscriptions: Iterable[tuple[Subscriber, Iterable[str]]]) -> None:
        """Take subscribers with their patterns; one without patterns is never found."""
        self._subscribers: list[Subscriber] = []
        self._positions: dict[str, list[int]] = {}
        for position, (subscriber, patterns) in enumerate(subscriptions):
            self._subscribers.append(subscriber)
            for pattern in patterns:
                self._positions.setdefault(pattern, []).append(position)

    def subscribers(self, event_type: str) -> list[Subscriber]:
        """Return those with a matching pattern, each once, in the order in which they were given."""
        found = {
            position for pattern in _patterns_that_match(event_type) for position in self._positions.get(pattern, ())
        }
        return [self._subscribers[position] for position in sorted(found)]


def _patterns_that_match(event_type: str) -> Iterator[str]:
    yield EVERYTHING
    yield event_type
    for dot in re.finditer(r"\.", event_type):
        yield event_type[: dot.start()] + _BELOW
