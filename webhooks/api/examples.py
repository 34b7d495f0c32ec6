"""Examples of webhooks for the API's description."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_SHOWN: Final[dict[str, Any]] = {
    "id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
    "workflow_name": "contact_form",
    "url": "https://n8n.example.com/webhook/acme/contact-form",
    "url_derived": True,
    "auth_token": "***6789",
    "headers": {"X-Environment": "***"},
    "description": "New leads from the website",
    "is_active": True,
    "event_types": ["contact.*"],
    "payload_format": "raw",
    "signature_scheme": "hmac",
    "integration": None,
    "retry_schedule": "durable",
    "max_retries": None,
    "retry_client_errors": True,
    "timeout_ms": 30000,
    "max_concurrency": 16,
    "rate_limit_per_minute": None,
    "disabled_reason": None,
    "disabled_at": None,
    "breaker_state": "closed",
    "breaker_open_until": None,
    "failing_since": None,
    "previous_secret_expires_at": None,
    "version": 1,
    "created_at": "2026-01-31T12:00:00Z",
    "created_by": "ada",
    "updated_at": "2026-01-31T12:00:00Z",
    "last_called_at": "2026-01-31T12:05:00Z",
    "total_calls": 12,
    "successful_calls": 11,
    "failed_calls": 1,
}

SHOWN = OpenApiExample("A webhook", value=_SHOWN, response_only=True)
SECRET = OpenApiExample(
    "A signing secret",
    value={
        "signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
        "public_key": None,
        "previous_secret_expires_at": None,
    },
    response_only=True,
)
ROTATED_SECRET = OpenApiExample(
    "A new signing secret",
    value={
        "signing_secret": "whsec_plJ3nmyCDGBKInavdOK15jsl8bJyjeiPMMHfQ9jnUFY=",
        "public_key": None,
        "previous_secret_expires_at": "2026-02-01T12:00:00Z",
    },
    response_only=True,
)
CREATED = OpenApiExample(
    "A new webhook",
    value={
        **_SHOWN,
        "last_called_at": None,
        "total_calls": 0,
        "successful_calls": 0,
        "failed_calls": 0,
        "signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
        "public_key": None,
    },
    response_only=True,
)
CREATE = OpenApiExample(
    "With an address of its own",
    value={
        "workflow_name": "contact_form",
        "url": "https://hooks.example.com/contact",
        "auth_token": "a-token-of-the-receiver-0123456789",
        "headers": {"X-Environment": "production"},
        "event_types": ["contact.*"],
    },
    request_only=True,
)
CREATE_DERIVED = OpenApiExample(
    "Derived from the n8n integration", value={"workflow_name": "contact_form"}, request_only=True
)
DISABLE = OpenApiExample("Disable", value={"is_active": False}, request_only=True)
REPLACE = OpenApiExample(
    "Replace, keeping the secrets",
    value={"url": "https://hooks.example.com/contact", "description": "New leads", "headers": {"X-Environment": ""}},
    request_only=True,
)
TEST = OpenApiExample("A payload", value={"payload": {"email": "ada@example.com"}}, request_only=True)
RESULT = OpenApiExample(
    "Delivered",
    value={
        "success": True,
        "status_code": 200,
        "response_time_ms": 48,
        "response_body": '{"message":"Workflow was started"}',
        "error_message": "",
        "attempts": 1,
        "delivery_id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7f",
    },
    response_only=True,
    status_codes=["200"],
)
UNDER_WAY = OpenApiExample(
    "Still under way",
    value={
        "success": None,
        "status_code": None,
        "response_time_ms": None,
        "response_body": "",
        "error_message": "",
        "attempts": 2,
        "delivery_id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7f",
    },
    response_only=True,
    status_codes=["202"],
)
