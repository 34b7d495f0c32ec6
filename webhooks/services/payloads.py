"""Turning what a caller hands in into the exact text that is stored and sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, TypeVar

from integrations.errors import InvalidInputError
from webhooks.routing import event_type_problems
from webhooks.services.idempotency import checked_key

MAX_PAYLOAD_BYTES: Final = 256 * 1024
MAX_METADATA_BYTES: Final = 16 * 1024
MAX_DEPTH: Final = 64
MAX_TRIGGERED_BY: Final = 100
# NUL in JSON is always written as this escape; an even number of backslashes before it makes it ordinary text.
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

Checked = TypeVar("Checked")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event as a caller gave it, checked, in the texts that are stored. `event_type` is blank for direct calls."""

    body: str
    event_type: str = ""
    triggered_by: str = ""
    metadata: str = "{}"
    idempotency_key: str | None = None

    def digest(self) -> str:
        """Return what two events with the same content share, whatever the order of the members in their JSON."""
        content = [self.event_type, self.triggered_by, json.loads(self.metadata), json.loads(self.body)]
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def new_event(
    *,
    payload: object,
    event_type: object = "",
    triggered_by: object = "",
    metadata: object = None,
    idempotency_key: object = None,
    needs_type: bool = False,
) -> NewEvent:
    """Check everything and raise one InvalidInputError that names all wrong fields."""
    errors: dict[str, list[str]] = {}

    def checked(check: Callable[[], Checked], otherwise: Checked) -> Checked:
        try:
            return check()
        except InvalidInputError as error:
            errors.update(error.errors)
            return otherwise

    if needs_type and (problems := event_type_problems(event_type)):
        errors["type"] = problems
    event = NewEvent(
        body=checked(lambda: payload_text(payload), ""),
        event_type=str(event_type),
        triggered_by=checked(lambda: checked_triggered_by(triggered_by), ""),
        metadata=checked(lambda: metadata_text(metadata), ""),
        idempotency_key=checked(lambda: checked_key(idempotency_key), None),
    )
    if errors:
        raise InvalidInputError(errors)
    return event


def payload_text(payload: object) -> str:
    """Return the JSON text of a payload, compact, other characters than ASCII as they are.

    Raises InvalidInputError unless it is a JSON object of at most 256 KiB and 64 levels that PostgreSQL and every
    receiver can read: without NUL, lone surrogates, NaN and infinities.
    """
    return _object_text("payload", payload, MAX_PAYLOAD_BYTES)


def metadata_text(metadata: object) -> str:
    """Return the JSON text of the caller's own notes on a call; refused like a payload, above 16 KiB."""
    return "{}" if metadata is None else _object_text("metadata", metadata, MAX_METADATA_BYTES)


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
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidInputError({field: ["It holds the character NUL, which cannot be stored."]})
    size = len(text.encode())
    if size > max_bytes:
        raise InvalidInputError({field: [f"It has {size:,} bytes as JSON; at most {max_bytes:,} are accepted."]})
    if _may_be_deep(text) and _is_too_deep(value):
        raise InvalidInputError({field: [f"It is nested more than {MAX_DEPTH} levels deep."]})
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _may_be_deep(text: str) -> bool:
    return text.count("{") + text.count("[") > MAX_DEPTH


def _is_too_deep(value: Mapping[Any, Any]) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, Mapping) else node)
            if isinstance(child, Mapping | list | tuple)
        ]
        if not level:
            return False
    return True
