"""Examples of deliveries and recoveries for the API's description."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_LISTED: Final[dict[str, Any]] = {
    "id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
    "webhook": "019a9f5e-1c2d-7aa1-8f00-1a2b3c4d5e6f",
    "workflow_name": "contact_form",
    "event": "019a9f5e-6f0b-7d11-9c3e-5a6b7c8d9e0f",
    "event_type": "contact.created",
    "triggered_by": "website",
    "state": "retrying",
    "run": 1,
    "attempts": 1,
    "last_status_code": 503,
    "last_error": "The endpoint answered 503.",
    "next_attempt_at": "2026-01-31T12:05:00Z",
    "created_at": "2026-01-31T12:00:00Z",
    "finished_at": None,
}
_RECOVERY: Final[dict[str, Any]] = {
    "id": "019a9f60-0a1b-7c2d-8e3f-4a5b6c7d8e9f",
    "webhook": "019a9f5e-1c2d-7aa1-8f00-1a2b3c4d5e6f",
    "state": "running",
    "since": "2026-01-31T02:00:00Z",
    "until": "2026-01-31T04:00:00Z",
    "progress": 0.42,
    "retried": 4200,
    "skipped": 0,
    "reason": "",
    "created_at": "2026-01-31T04:10:00Z",
    "created_by": "ada",
    "finished_at": None,
}
LISTED = OpenApiExample("A delivery that is tried again", value=_LISTED, response_only=True)
ATTEMPTS = OpenApiExample(
    "A delivery with its first attempt",
    value={
        **_LISTED,
        "is_on_the_wire": False,
        "metadata": {},
        "request_payload": {"name": "Ada", "email": "ada@example.com"},
        "attempt_history": [
            {
                "id": "019a9f5e-70aa-7b0c-8d1e-2f3a4b5c6d7e",
                "run": 1,
                "attempt": 1,
                "timestamp": "2026-01-31T12:00:00.020Z",
                "success": False,
                "status_code": 503,
                "error_kind": "status",
                "error_message": "The endpoint answered 503.",
                "request_headers": {"content-type": "application/json"},
                "response_body": "Service Unavailable",
                "response_time_ms": 41,
                "dns_ms": 1,
                "connect_ms": 8,
                "tls_ms": 16,
                "first_byte_ms": 40,
            }
        ],
    },
    response_only=True,
)
RECOVER = OpenApiExample(
    "Two hours of last night",
    value={"since": "2026-01-31T02:00:00Z", "until": "2026-01-31T04:00:00Z"},
    request_only=True,
)
RECOVERY = OpenApiExample("A recovery", value=_RECOVERY, response_only=True)
STOPPED = OpenApiExample(
    "A recovery that was stopped",
    value={
        **_RECOVERY,
        "state": "stopped",
        "reason": "Stopped by ada.",
        "finished_at": "2026-01-31T04:11:00Z",
    },
    response_only=True,
)
