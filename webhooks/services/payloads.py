"""Turning what a caller hands in into the exact text that is stored and sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from integrations.errors import InvalidInputError

MAX_PAYLOAD_BYTES: Final = 256 * 1024
MAX_METADATA_BYTES: Final = 16 * 1024
MAX_TRIGGERED_BY: Final = 100
# NUL in JSON is always written as this escape; an even number of backslashes before it makes it ordinary text.
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def payload_text(payload: object) -> str:
    """Return the JSON text of a payload, compact, other characters than ASCII as they are.

    Raises InvalidInputError unless it is a JSON object of at most 256 KiB that PostgreSQL and every receiver can read:
    without NUL, lone surrogates, NaN and infinities.
    """
    return _object_text("payload", payload, MAX_PAYLOAD_BYTES)


def checked_metadata(metadata: object) -> dict[str, Any]:
    """Return the caller's own notes on a call as they come back from JSON; refused like a payload, above 16 KiB."""
    if metadata is None:
        return {}
    decoded: dict[str, Any] = json.loads(_object_text("metadata", metadata, MAX_METADATA_BYTES))
    return decoded


def checked_triggered_by(triggered_by: object) -> str:
    """Return what triggered a call, a short text of the caller's; InvalidInputError if it does not fit."""
    if not isinstance(triggered_by, str):
        raise InvalidInputError({"triggered_by": ["Give a text."]})
    if len(triggered_by) > MAX_TRIGGERED_BY:
        raise InvalidInputError({"triggered_by": [f"Use at most {MAX_TRIGGERED_BY} characters."]})
    if "\0" in triggered_by or not _is_unicode(triggered_by):
        raise InvalidInputError({"triggered_by": ["Leave out the characters NUL and lone surrogates."]})
    return triggered_by


def _object_text(field: str, value: object, max_bytes: int) -> str:
    if not isinstance(value, Mapping):
        raise InvalidInputError({field: ["Give a JSON object."]})
    try:
        text = json.dumps(dict(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise InvalidInputError({field: ["It is nested too deeply."]}) from None
    except (TypeError, ValueError) as error:
        raise InvalidInputError({field: [f"It is not JSON: {error}."]}) from None
    if not _is_unicode(text):
        raise InvalidInputError({field: ["It holds a lone surrogate, which is no character."]})
    if _NUL.search(text):
        raise InvalidInputError({field: ["It holds the character NUL, which cannot be stored."]})
    size = len(text.encode())
    if size > max_bytes:
        raise InvalidInputError({field: [f"It has {size:,} bytes as JSON; at most {max_bytes:,} are accepted."]})
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
