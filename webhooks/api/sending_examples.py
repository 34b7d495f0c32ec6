"""Examples of the ways in, for the API's description."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_EVENT_ID: Final = "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"
_DELIVERY_ID: Final = "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7f"
_RESULT: Final[dict[str, Any]] = {
    "delivery_id": _DELIVERY_ID,
    "success": True,
    "status_code": 200,
    "response_time_ms": 48,
    "response_body": '{"message":"Workflow was started"}',
    "error_message": "",
    "attempts": 1,
}
_UNDER_WAY: Final[dict[str, Any]] = {
    **_RESULT,
    "success": None,
    "status_code": None,
    "response_time_ms": None,
    "response_body": "",
}
_ACCEPTED: Final[dict[str, Any]] = {"id": _EVENT_ID, "deliveries": [_DELIVERY_ID]}


def _answer(name: str, value: dict[str, Any], status: int) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


CALL = OpenApiExample(
    "A call",
    value={"payload": {"email": "ada@example.com"}, "triggered_by": "signup", "metadata": {"order": 4711}},
    request_only=True,
)
PUBLISH = OpenApiExample(
    "An event",
    value={"type": "contact.created", "payload": {"email": "ada@example.com"}},
    request_only=True,
)
BATCH = OpenApiExample(
    "Two events",
    value={
        "events": [
            {"type": "contact.created", "payload": {"email": "ada@example.com"}, "idempotency_key": "contact-4711"},
            {"type": "Contact Created", "payload": {"email": "bob@example.com"}},
        ]
    },
    request_only=True,
)
ACCEPTED = _answer("Accepted", _ACCEPTED, 202)
CALLED = _answer("Waited for the result", {**_ACCEPTED, **_RESULT}, 200)
CALL_UNDER_WAY = _answer("The wait ran out", {**_ACCEPTED, **_UNDER_WAY}, 202)
PUBLISHED = _answer("Waited for the results", {**_ACCEPTED, "results": {"contact_form": _RESULT}}, 200)
PUBLISH_UNDER_WAY = _answer("The wait ran out", {**_ACCEPTED, "results": {"contact_form": _UNDER_WAY}}, 202)
BATCH_ACCEPTED = _answer(
    "One accepted, one refused",
    {
        "accepted": 1,
        "refused": 1,
        "results": [
            {"status": 202, **_ACCEPTED},
            {
                "status": 422,
                "detail": "The event has wrong fields: type.",
                "errors": {"type": ["Use a-z, 0-9 and _ in segments joined by dots, such as order.paid."]},
            },
        ],
    },
    202,
)
