"""Examples in the OpenAPI documents."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_ALERT: Final[dict[str, Any]] = {
    "id": "01938f6e-9d10-7c44-8a07-5b1d9e6f2a41",
    "state": "open",
    "rule": {
        "id": "01938f6e-1111-7c44-8a07-5b1d9e6f2a42",
        "kind": "failure_rate",
        "name": "Failure rate of a webhook",
        "scope": "platform",
    },
    "object": {"key": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10", "label": "order_created"},
    "value": 33.3,
    "sentence": "30 of 90 calls failed in the last 15 minutes: 33.3 %, above 20 %.",
    "opened_at": "2026-11-20T10:00:00Z",
    "last_seen_at": "2026-11-20T10:12:30Z",
    "recovered_at": None,
    "times_opened": 1,
}
ALERT: Final = OpenApiExample("A webhook that fails", value=_ALERT, response_only=True)
PLATFORM_ALERT: Final = OpenApiExample(
    "A webhook that fails",
    value={**_ALERT, "tenant": "01938f6e-2222-7d2e-9b51-3f6f0c9d2b10"},
    response_only=True,
)
CREATE_RULE: Final = OpenApiExample(
    "Watch more closely",
    value={"kind": "failure_rate", "name": "One in twenty", "parameters": {"percent": 5, "min_calls": 100}},
    request_only=True,
)
CHANGE_RULE: Final = OpenApiExample("Other bounds", value={"parameters": {"percent": 10}}, request_only=True)
MUTE_RULE: Final = OpenApiExample("Mute a rule of the platform", value={"muted": True}, request_only=True)
RULE: Final = OpenApiExample(
    "A rule",
    value={
        "id": "01938f6e-3333-7c44-8a07-5b1d9e6f2a42",
        "scope": "tenant",
        "kind": "failure_rate",
        "name": "One in twenty",
        "parameters": {"percent": 5, "window_minutes": 15, "min_calls": 100},
        "enabled": True,
        "muted": False,
        "error": "",
        "created_at": "2026-11-20T09:00:00Z",
        "created_by": "ada",
        "updated_at": "2026-11-20T09:00:00Z",
    },
    response_only=True,
)
CREATE_CHANNEL: Final = OpenApiExample(
    "E-mail",
    value={"kind": "email", "name": "Operations", "recipients": ["ops@example.com"]},
    request_only=True,
)
CREATE_WEBHOOK: Final = OpenApiExample(
    "Signed webhook",
    value={"kind": "webhook", "name": "Pager", "url": "https://alerts.example.com/signalbox"},
    request_only=True,
)
CHANGE_CHANNEL: Final = OpenApiExample("Tell less", value={"rule_kinds": ["webhook_disabled"]}, request_only=True)
_CHANNEL: Final[dict[str, Any]] = {
    "id": "01938f6e-4444-7c44-8a07-5b1d9e6f2a42",
    "kind": "webhook",
    "name": "Pager",
    "enabled": True,
    "recipients": [],
    "url": "***lbox",
    "url_host": "alerts.example.com",
    "secret": "whsec_MfKQ***3f6f0c",
    "rule_kinds": [],
    "failures": 0,
    "last_error": "",
    "last_failed_at": None,
    "last_sent_at": "2026-11-20T10:00:04Z",
    "retry_at": None,
    "created_at": "2026-11-20T09:00:00Z",
    "created_by": "ada",
    "updated_at": "2026-11-20T09:00:00Z",
}
CHANNEL: Final = OpenApiExample("A channel", value=_CHANNEL, response_only=True)
MADE_CHANNEL: Final = OpenApiExample(
    "With its secret, this one time",
    value={**_CHANNEL, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw3f6f0c9d2b1=", "last_sent_at": None},
    response_only=True,
    status_codes=["201"],
)
TESTED: Final = OpenApiExample(
    "It did not get through",
    value={**_CHANNEL, "last_error": "The endpoint answered 404.", "last_failed_at": "2026-11-20T10:30:00Z"},
    response_only=True,
)
