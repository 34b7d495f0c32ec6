"""Reading JSON bodies: one strict parser, so that nothing a client sends can fail below the serializers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser

MAX_DEPTH = 64
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")


class StrictJSONParser(JSONParser):
    """Parse a JSON object in UTF-8.

    400 where it cannot be parsed, is no object, or is nested deeper than 64 levels; NaN and infinity are no JSON.
    422, naming the place, where a text holds U+0000 or half a surrogate pair: PostgreSQL cannot store either.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        raw: bytes = stream.read()
        try:
            value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise ParseError(f"The body is no valid JSON: {reason}.") from None
        if not isinstance(value, dict):
            raise ParseError("The body must be a JSON object.")
        self.refuse_what_cannot_be_stored(raw, value)
        return value

    def refuse_what_cannot_be_stored(self, raw: bytes, value: dict[str, Any]) -> None:
        """Look into the whole body. A view whose body has parts that stand or fall alone looks into those itself."""
        if _is_deeper_than(value, MAX_DEPTH):
            raise ParseError(f"The body is nested more than {MAX_DEPTH} levels deep.")
        # Bytes of UTF-8 hold neither but by an escape, or as a NUL that JSON itself refuses.
        if _SUSPECT_ESCAPE.search(raw) and (places := list(_forbidden_places(value, ""))):
            raise ValidationError({place: ["Contains a character that cannot be stored."] for place in places[:20]})


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _is_deeper_than(value: dict[str, Any], levels: int) -> bool:
    level: list[Any] = [value]
    for _ in range(levels):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _forbidden_places(value: object, at: str) -> Iterator[str]:
    if isinstance(value, str):
        if _FORBIDDEN.search(value):
            yield at
    elif isinstance(value, dict):
        for key, child in value.items():
            shown = _FORBIDDEN.sub("\ufffd", key)
            place = f"{at}.{shown}" if at else shown
            if shown != key:
                yield place
            yield from _forbidden_places(child, place)
    elif isinstance(value, list):
        for position, child in enumerate(value):
            yield from _forbidden_places(child, f"{at}[{position}]")
