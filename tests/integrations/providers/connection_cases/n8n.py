"""Answers in the shape of n8n 2.41's public API and webhooks."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

BASE: Final = "https://n8n.example.com"
URL: Final = f"{BASE}/api/v1/workflows?limit=1"
PROBE: Final = f"{BASE}/webhook/tenant123/signalbox-connection-test"
KEYLESS: Final = {"api_key": None}
UNREGISTERED: Final = {
    "code": 404,
    "message": 'The requested webhook "GET tenant123/signalbox-connection-test" is not registered.',
    "hint": "The workflow must be active for a production URL to run successfully.",
}


def answered(status: int, body: Any, headers: Any = None, url: str = URL) -> tuple[Reply, ...]:
    return (Reply("GET", url, status, body, headers or {}),)


CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        replies=answered(200, {"data": [{"id": "1", "name": "Orders"}], "nextCursor": None}),
        identity="n8n.example.com",
        data={"api": True, "has_workflows": True},
    ),
    Case(
        name="success below a path",
        result=Result.OK,
        values={"api_url": "https://automation.example.com/n8n"},
        replies=answered(200, {"data": []}, url="https://automation.example.com/n8n/api/v1/workflows?limit=1"),
        identity="automation.example.com",
        data={"api": True, "has_workflows": False},
    ),
    Case(
        name="success without a key",
        result=Result.OK,
        values=KEYLESS,
        replies=answered(404, UNREGISTERED, url=PROBE),
        identity="n8n.example.com",
        data={"api": False},
        says="Enter an API key",
    ),
    Case(
        name="web server instead of webhooks",
        result=Result.WRONG_HOST,
        values=KEYLESS,
        replies=answered(404, "Not Found", url=PROBE),
        says="not the webhooks of n8n",
    ),
    Case(
        name="gateway without its n8n",
        result=Result.PROVIDER_DOWN,
        values=KEYLESS,
        replies=answered(502, HTML, {"Content-Type": "text/html"}, url=PROBE),
    ),
    Case(
        name="wrong credentials",
        result=Result.BAD_CREDENTIALS,
        replies=answered(401, {"message": "unauthorized"}),
        says="does not accept the API key",
    ),
    Case(
        name="missing permission",
        result=Result.MISSING_PERMISSION,
        replies=answered(403, {"message": "Forbidden"}),
        says="workflow:list",
    ),
    Case(
        name="API switched off",
        result=Result.WRONG_HOST,
        replies=answered(404, {"message": "not found"}),
        says="no public API",
    ),
    Case(
        name="rate limit", result=Result.RATE_LIMITED, replies=answered(429, "", {"Retry-After": "9"}), retry_after=9.0
    ),
    Case(name="outage", result=Result.PROVIDER_DOWN, replies=answered(503, {"message": "Database is not ready"})),
    Case(name="nonsense", result=Result.WRONG_HOST, replies=answered(200, HTML), says="web page"),
]
CANNOT_HAPPEN: Final = {
    "ended credentials": (
        "An API key that has ended is answered like a wrong one: 401, in words that vary from version to version."
    ),
}
