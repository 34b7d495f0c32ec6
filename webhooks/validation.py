"""What a webhook's name, event types, headers and token may look like: pure rules, no database, no network.

Each `…_problems` function returns the reasons against a value, in the words that a caller reads; none means valid.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from integrations.tenant_lookup import is_uuid

MAX_NAME_LENGTH: Final = 100
# They are, or will be, path segments beside `webhooks/{name}`.
RESERVED_NAMES: Final = frozenset({"analytics", "broadcast", "import", "export", "test"})
MAX_EVENT_TYPES: Final = 50
MAX_EVENT_TYPE_LENGTH: Final = 128
MAX_HEADERS: Final = 50
MAX_HEADER_NAME_LENGTH: Final = 100
MAX_HEADER_VALUE_LENGTH: Final = 4_096
MAX_AUTH_TOKEN_LENGTH: Final = 4_096

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_EVENT_TYPE_PATTERN: Final = re.compile(r"\*|[a-z0-9_]+(?:\.[a-z0-9_]+)*(?:\.\*)?")
# RFC 9110, section 5.6.2: token.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110, section 5.5, without obs-text: what lies beyond ASCII means something else to every receiver.
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_AUTH_TOKEN: Final = re.compile(r"[\x21-\x7e]+")

# Framing, connection and body headers belong to the HTTP client, which would send them twice or contradict them.
_RESERVED_HEADERS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Signature and correlation headers: a receiver must be able to trust that they are Signalbox's own.
_RESERVED_HEADER_PREFIXES: Final = ("proxy-", "webhook-", "x-signalbox-")


def name_problems(name: str) -> list[str]:
    """Return what is wrong with a new webhook's `workflow_name`."""
    if not _NAME.fullmatch(name):
        return ["Use lower-case letters, digits, _ and -, beginning with a letter or digit."]
    if len(name) > MAX_NAME_LENGTH:
        return [f"Use at most {MAX_NAME_LENGTH} characters."]
    if name in RESERVED_NAMES:
        return [f"{name} is reserved: choose another name."]
    if is_uuid(name):
        return ["A name must not look like an id: choose another name."]
    return []


def is_well_formed_name(text: str) -> bool:
    """Tell whether a webhook may be called like this at all; reserved names and ids are well formed, too."""
    return len(text) <= MAX_NAME_LENGTH and _NAME.fullmatch(text) is not None


def event_type_problems(patterns: Collection[object]) -> list[str]:
    """Return what is wrong with a webhook's `event_types`: types, prefixes such as `order.*`, or `*`."""
    problems = [] if len(patterns) <= MAX_EVENT_TYPES else [f"Use at most {MAX_EVENT_TYPES} patterns."]
    for pattern in patterns:
        if not isinstance(pattern, str) or not _EVENT_TYPE_PATTERN.fullmatch(pattern):
            problems.append(
                f"{_shown(pattern)} is no event type: use a-z, 0-9 and _ in segments joined by dots, "
                "such as order.paid, with .* at the end for all below, or * for everything."
            )
        elif len(pattern) > MAX_EVENT_TYPE_LENGTH:
            problems.append(f"{_shown(pattern)} is longer than {MAX_EVENT_TYPE_LENGTH} characters.")
    return problems


def without_duplicates(patterns: Iterable[str]) -> list[str]:
    """Return the patterns in their order, each once."""
    return list(dict.fromkeys(patterns))


def header_problems(headers: Mapping[str, str]) -> list[str]:
    """Return what is wrong with header names and values. Repeats names, never values."""
    problems = []
    for name, value in headers.items():
        problems += header_name_problems(name)
        if not value:
            problems.append(f"{_shown(name)} needs a value.")
        elif len(value) > MAX_HEADER_VALUE_LENGTH:
            problems.append(f"{_shown(name)} has more than {MAX_HEADER_VALUE_LENGTH} characters.")
        elif _looks_masked(value):
            problems.append(f"{_shown(name)} has the masked form of a secret: give the value itself or leave it blank.")
        elif not _HEADER_VALUE.fullmatch(value):
            problems.append(f"{_shown(name)} must be printable ASCII without line breaks or blanks at its ends.")
    return problems


def header_name_problems(name: str) -> list[str]:
    """Return what is wrong with one header name."""
    lowered = name.lower()
    if not _HEADER_NAME.fullmatch(name) or len(name) > MAX_HEADER_NAME_LENGTH:
        return [f"{_shown(name)} is no header name: use letters, digits and hyphens, at most {MAX_HEADER_NAME_LENGTH}."]
    if lowered in _RESERVED_HEADERS or lowered.startswith(_RESERVED_HEADER_PREFIXES):
        return [f"{name} is set by Signalbox and cannot be chosen."]
    return []


def header_set_problems(names: Collection[str], *, has_auth_token: bool) -> list[str]:
    """Return what is wrong with all of a webhook's own headers taken together."""
    problems = [] if len(names) <= MAX_HEADERS else [f"Use at most {MAX_HEADERS} headers."]
    if has_auth_token and "authorization" in {name.lower() for name in names}:
        problems.append("Authorization is sent from auth_token: remove one of the two.")
    return problems


def auth_token_problems(token: str) -> list[str]:
    """Return what is wrong with a bearer token. Says nothing of its value."""
    if len(token) > MAX_AUTH_TOKEN_LENGTH:
        return [f"Use at most {MAX_AUTH_TOKEN_LENGTH} characters."]
    if _looks_masked(token):
        return ["This is the masked form of a secret: give the secret itself or leave it out."]
    if not _AUTH_TOKEN.fullmatch(token):
        return ["Use printable ASCII without blanks: it is sent in an Authorization header, without the word Bearer."]
    return []


def _looks_masked(value: str) -> bool:
    """Tell whether this is how a secret is shown. Nobody's secret looks like that; a copied answer does."""
    return re.fullmatch(r".{10}\*{3}.{6}|\*{3}(?:.{4})?", value) is not None


def _shown(value: object) -> str:
    """Quote what a caller sent, short enough for a sentence."""
    text = str(value)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
