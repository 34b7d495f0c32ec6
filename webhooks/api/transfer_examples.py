"""Examples of files of webhooks for the API's description."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_FILE: Final[dict[str, Any]] = {
    "format": "signalbox.webhooks",
    "version": 1,
    "webhooks": [
        {
            "workflow_name": "contact_form",
            "url": "https://n8n.example.com/webhook/acme/contact-form",
            "description": "New leads from the website",
            "is_active": True,
            "event_types": ["contact.*"],
            "header_names": ["X-Environment"],
            "retry_schedule": "durable",
        }
    ],
}
FILE = OpenApiExample("A file of webhooks", value=_FILE, media_type="application/json")
SEALED = OpenApiExample(
    "As CSV, sealed",
    value={"file_format": "csv", "passphrase": "correct horse battery staple"},
    request_only=True,
)
IMPORTED = OpenApiExample(
    "What the file did",
    value={
        "applied": True,
        "created": 0,
        "updated": 1,
        "unchanged": 0,
        "refused": 0,
        "rows": [
            {
                "row": 1,
                "workflow_name": "contact_form",
                "action": "update",
                "changes": {"event_types": {"from": [], "to": ["contact.*"]}},
                "errors": {},
                "notes": ["Its headers X-Environment come without values: enter them."],
            }
        ],
    },
    response_only=True,
)
