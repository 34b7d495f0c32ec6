"""Examples of API keys for the API's description."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_SHOWN: Final[dict[str, Any]] = {
    "id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
    "name": "Shop backend",
    "key_prefix": "sb_live_7QxkV0aPz3MdR9sT",
    "scopes": ["events:write", "webhooks:read"],
    "rate_limit": 1000,
    "allowed_networks": ["203.0.113.0/24"],
    "expires_at": "2027-01-31T12:00:00Z",
    "revoked_at": None,
    "last_used_at": "2026-01-31T12:05:00Z",
    "last_used_address": "203.0.113.7",
    "created_at": "2026-01-31T12:00:00Z",
    "created_by": "ada",
}
_NEW: Final[dict[str, Any]] = {
    **_SHOWN,
    "last_used_at": None,
    "last_used_address": None,
    # Its checksum is wrong on purpose: no scanner takes it for a key.
    "secret": "sb_live_7QxkV0aPz3MdR9sT_ExampleExampleExampleExampleExampleExampleExample",
}

SHOWN = OpenApiExample("An API key", value=_SHOWN, response_only=True)
ISSUED = OpenApiExample("A new API key", value=_NEW, response_only=True)
CREATE = OpenApiExample(
    "For a backend with fixed addresses",
    value={
        "name": "Shop backend",
        "scopes": ["events:write", "webhooks:read"],
        "allowed_networks": ["203.0.113.0/24"],
        "expires_at": "2027-01-31T12:00:00Z",
    },
    request_only=True,
)
CHANGE = OpenApiExample("Another limit", value={"rate_limit": 5000}, request_only=True)
ROTATE = OpenApiExample("With two days to change over", value={"overlap_hours": 48}, request_only=True)
USAGE = OpenApiExample(
    "Two hours",
    value={
        "from": "2026-01-31T10:00:00Z",
        "to": "2026-01-31T12:00:00Z",
        "requests": 961,
        "errors": 3,
        "hours": [
            {"hour": "2026-01-31T10:00:00Z", "requests": 520, "errors": 0},
            {"hour": "2026-01-31T11:00:00Z", "requests": 441, "errors": 3},
        ],
    },
    response_only=True,
)
