"""Showing stored text as the JSON that it is, where it is JSON that this API can answer."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

# What an answer wraps around the value, generously: encoders and decoders give up at the same depth.
_LEVELS_AROUND = 20


def json_or_text(text: str) -> Any:
    """Return the value whose JSON `text` is, or `text` itself.

    Endpoints answer what they like: NaN, numbers beyond a float, half a surrogate pair and nesting without end are
    taken for text, since they would make the whole answer fail.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        wrapped = value
        for _ in range(_LEVELS_AROUND):
            wrapped = [wrapped]
        json.dumps(wrapped, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return text
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(number)
    return value
