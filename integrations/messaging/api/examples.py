"""Examples of messages for the API's description."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_ACCEPTED: Final[dict[str, Any]] = {
    "id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
    "channel": "sms",
    "provider": "twilio",
    "integration": "019a9f5e-1c2d-7aa1-8f00-1a2b3c4d5e6f",
    "source": "tenant",
    "to": "+4915112345678",
    "state": "accepted",
    "provider_message_id": "",
    "error_code": "",
    "error_message": "",
    "cost": None,
    "currency": "",
    "attempts": 0,
    "triggered_by": "checkout",
    "metadata": {"order": 4711},
    "created_at": "2026-01-31T12:00:00Z",
    "sent_at": None,
    "delivered_at": None,
    "read_at": None,
    "failed_at": None,
    "unknown_at": None,
    "settled_by": "",
    "settled_note": "",
    "updated_at": "2026-01-31T12:00:00Z",
}
_DELIVERED: Final[dict[str, Any]] = {
    **_ACCEPTED,
    "state": "delivered",
    "provider_message_id": "SM0123456789abcdef0123456789abcdef",
    "cost": "0.075000",
    "currency": "USD",
    "attempts": 1,
    "sent_at": "2026-01-31T12:00:00.412Z",
    "delivered_at": "2026-01-31T12:00:03.870Z",
    "updated_at": "2026-01-31T12:00:03.912Z",
}
SEND = OpenApiExample(
    "An SMS",
    value={
        "channel": "sms",
        "to": "+4915112345678",
        "text": "Your order 4711 is on its way.",
        "triggered_by": "checkout",
        "metadata": {"order": 4711},
    },
    request_only=True,
)
TEMPLATE = OpenApiExample(
    "A WhatsApp template",
    value={
        "channel": "whatsapp",
        "to": "+4915112345678",
        "template": {
            "name": "order_shipped",
            "language": "en_US",
            "components": [{"type": "body", "parameters": [{"type": "text", "text": "4711"}]}],
        },
    },
    request_only=True,
)
SENT = OpenApiExample("Accepted", value=_ACCEPTED, response_only=True, status_codes=["202"])
LISTED = OpenApiExample("A message that arrived", value=_DELIVERED, response_only=True)
SHOWN = OpenApiExample(
    "A message with its text",
    value={**_DELIVERED, "content": "stored", "text": "Your order 4711 is on its way.", "template": None},
    response_only=True,
)
SETTLE = OpenApiExample(
    "It was sent", value={"state": "sent", "note": "Found in Twilio's message log."}, request_only=True
)
SETTLED = OpenApiExample(
    "A message that was settled",
    value={
        **_ACCEPTED,
        "state": "sent",
        "attempts": 1,
        "sent_at": "2026-01-31T12:20:00Z",
        "unknown_at": "2026-01-31T12:00:30Z",
        "settled_by": "ada",
        "settled_note": "Found in Twilio's message log.",
        "updated_at": "2026-01-31T12:20:00Z",
    },
    response_only=True,
)
