"""Examples of calls and figures for the API's description."""

from __future__ import annotations

import json
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_WEBHOOK: Final = "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10"
_PERIOD: Final = {"from": "2026-11-19T10:00:00Z", "to": "2026-11-20T11:00:00Z"}
_CALL: Final[dict[str, Any]] = {
    "id": "01938f6e-9d10-7c44-8a07-5b1d9e6f2a33",
    "webhook": _WEBHOOK,
    "workflow_name": "order_created",
    "delivery": "01938f6e-9c02-7f1a-b2c8-0d4e5f607182",
    "run": 1,
    "attempt": 2,
    "attempts": 2,
    "is_final": True,
    "event_type": "order.created",
    "triggered_by": "checkout",
    "request_payload": {"order": 1042, "total": "19.90"},
    "request_headers": {"Content-Type": "application/json", "User-Agent": "Signalbox"},
    "status_code": 200,
    "response_body": {"ok": True},
    "response_time_ms": 84,
    "success": True,
    "error_kind": "",
    "error_message": "",
    "metadata": {"source": "shop"},
    "timestamp": "2026-11-20T10:00:00.123456Z",
}
_FIGURES: Final[dict[str, Any]] = {
    "total_calls": 1250,
    "successful_calls": 1231,
    "failed_calls": 19,
    "attempts": 1310,
    "success_rate": 98.48,
    "average_response_time_ms": 112.4,
    "p50": 79,
    "p95": 412,
    "p99": 1180,
    "outcomes": {
        **{"2xx": 1231, "3xx": 0, "4xx": 9, "5xx": 52},
        **{"timeout": 14, "connection": 4, "guard": 0, "not_sent": 0},
    },
}
CALL: Final = OpenApiExample("A call that was answered at the second attempt", value=_CALL, response_only=True)
LINES: Final = OpenApiExample(
    "A line for each call",
    value=json.dumps(_CALL, separators=(",", ":")) + "\n",
    response_only=True,
    media_type="application/jsonl",
    status_codes=["200"],
)
SUMMARY: Final = OpenApiExample("A day", value={**_PERIOD, "webhook": None, **_FIGURES}, response_only=True)
BY_WEBHOOK: Final = OpenApiExample(
    "A day",
    value={**_PERIOD, "results": [{"webhook": _WEBHOOK, "workflow_name": "order_created", **_FIGURES}]},
    response_only=True,
)
SERIES: Final = OpenApiExample(
    "A day by the hour; the other hours are left out here",
    value={
        **_PERIOD,
        "webhook": None,
        "bucket_seconds": 3600,
        "buckets": [{"from": "2026-11-19T10:00:00Z", "to": "2026-11-19T11:00:00Z", **_FIGURES}],
    },
    response_only=True,
)
PEAKS: Final = OpenApiExample(
    "Mondays at nine; the other hours are left out here",
    value={
        **_PERIOD,
        "webhook": None,
        "hours": [{"weekday": 0, "hour": 9, "total_calls": 211, "failed_calls": 3}],
    },
    response_only=True,
)
ERRORS: Final = OpenApiExample(
    "One group",
    value={
        **_PERIOD,
        "webhook": None,
        "examined": 79,
        "is_complete": True,
        "examined_since": _PERIOD["from"],
        "groups": [
            {
                "webhook": _WEBHOOK,
                "workflow_name": "order_created",
                "error_kind": "status",
                "status_code": 503,
                "message": "The endpoint answered 503 Service Unavailable.",
                "count": 52,
                "failed_calls": 6,
                "first_seen": "2026-11-20T03:12:09.401233Z",
                "last_seen": "2026-11-20T03:58:51.004512Z",
                "example_call": "01938df9-7d1c-7b1e-9c41-7f6f0c9d2b10",
                "example_delivery": "01938df9-6c02-7f1a-b2c8-0d4e5f607182",
            }
        ],
    },
    response_only=True,
)
