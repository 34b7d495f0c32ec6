"""Examples of receivers for the API's description."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_SHOWN: Final[dict[str, Any]] = {
    "id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
    "name": "our_repositories",
    "provider": "github",
    "url": "https://signalbox.example.com/api/webhooks/in/019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
    "options": {},
    "event_types": ["github.push", "github.pull_request.*"],
    "allowed_networks": [],
    "rate_limit_per_minute": None,
    "is_active": True,
    "previous_secret_expires_at": None,
    "counts": {
        "accepted": 128,
        "duplicate": 2,
        "ignored": 14,
        "signature": 1,
        "stale": 0,
        "network": 0,
        "rate": 0,
        "too_large": 0,
        "malformed": 0,
    },
    "version": 1,
    "created_at": "2026-01-31T12:00:00Z",
    "created_by": "ada",
    "updated_at": "2026-01-31T12:00:00Z",
}
_MADE: Final = {
    **_SHOWN,
    "counts": dict.fromkeys(_SHOWN["counts"], 0),
    "secret": "9f2c4e6a8b0d1f3e5a7c9b8d6f4e2a0c1b3d5f7e9a8c6b4d2f0e1a3c5b7d9f8e",
    "verify_token": None,
    "setup": "On GitHub open the repository's Settings, Webhooks, Add webhook. Paste the address …",
}
SHOWN = OpenApiExample("A receiver", value=_SHOWN, response_only=True)
CREATE = OpenApiExample(
    "From GitHub",
    value={"provider": "github", "name": "our_repositories", "event_types": ["github.push"]},
    request_only=True,
)
CUSTOM = OpenApiExample(
    "From a sender with an HMAC of its own",
    value={
        "provider": "custom",
        "name": "billing",
        "options": {"scheme": "hmac", "header": "X-Billing-Signature", "timestamp_header": "X-Billing-Time"},
    },
    request_only=True,
)
CREATED = OpenApiExample("A new receiver", value=_MADE, response_only=True)
CHANGE = OpenApiExample("Only from these networks", value={"allowed_networks": ["192.0.2.0/24"]}, request_only=True)
ROTATE = OpenApiExample("Make a new one", value={}, request_only=True)
ROTATED = OpenApiExample(
    "The new secret",
    value={**_MADE, "previous_secret_expires_at": "2026-02-01T12:00:00Z", "version": 2},
    response_only=True,
)
