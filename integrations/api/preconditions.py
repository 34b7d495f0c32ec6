"""Conditional requests (RFC 9110): `If-Match`, so that nobody overwrites a change that they have not seen.

The `ETag` of an object that counts its changes holds that count: `"7-…"` is version 7. The rest tells one state of the
answer from another (totals and times change without an edit), and `If-Match` does not look at it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from integrations.errors import InvalidInputError

HEADER: Final = "If-Match"
# Proxies that compress make an ETag weak. It names the same version all the same.
_VERSION: Final = re.compile(r'(?:W/)?"(\d{1,9})(?:-[\x21\x23-\x7e]*)?"')
_UPDATES: Final = frozenset({"PUT", "PATCH", "DELETE"})

PARAMETER: Final = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` of the last answer about it: 412 if it was changed since then. `*`: as long as it exists.",
)


def expected_version(request: Request) -> int | None:
    """Return the version that `If-Match` asks for; None without the header and for `*`, which any version fulfils.

    The service compares it under its lock and raises `PreconditionFailedError` (412). Raises InvalidInputError for
    anything but one ETag with a version.
    """
    given = request.headers.get(HEADER)
    if given is None or given.strip() == "*":
        return None
    tag = _VERSION.fullmatch(given.strip())
    if tag is None:
        raise InvalidInputError(
            {HEADER: ['Give the one ETag that an answer about this object had, such as "7-f3a9", or *.']}
        )
    return int(tag[1])


def refuse_condition_that_is_not_kept(request: Request, view: object) -> None:
    """Raise InvalidInputError for `If-Match` on an update that does not look at it: ignored, it would promise too much."""
    if request.method in _UPDATES and HEADER in request.headers and not is_versioned(view):
        raise InvalidInputError({HEADER: ["This object counts no versions: leave the header out."]})


def is_versioned(view: object) -> bool:
    """Tell whether a view's objects count their changes: it declares `versioned` and hands on `expected_version()`."""
    return bool(getattr(view, "versioned", False))


def takes_condition(view: object, method: str) -> bool:
    """Tell whether `If-Match` counts on this operation."""
    return is_versioned(view) and method in _UPDATES


def version_of(view: object, body: Any) -> int | None:
    """Return the version that an answer of a versioned view shows."""
    version = body.get("version") if is_versioned(view) and isinstance(body, dict) else None
    return version if isinstance(version, int) else None
