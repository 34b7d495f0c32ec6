"""Answers in the shape of Intercom's REST API, version 2.15."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

URL: Final = "https://api.eu.intercom.io/me"
UNCONNECTED: Final = {"access_token": None}
ADMIN: Final = {
    "type": "admin",
    "id": "991267459",
    "email": "ciaran@example.com",
    "name": "Ciaran Lee",
    "email_verified": True,
    "app": {
        "type": "app",
        "id_code": "abc12345",
        "name": "Acme Support",
        "created_at": 1734537243,
        "secure": False,
        "identity_verification": False,
        "timezone": "America/Los_Angeles",
        "region": "EU",
    },
    "has_inbox_seat": True,
}
CIARAN: Final = "Ciaran Lee in Acme Support"


def me(status: int, body: Any, headers: Any = None, url: str = URL) -> tuple[Reply, ...]:
    return (Reply("GET", url, status, body, headers or {}),)


def of_region(region: str) -> dict[str, Any]:
    return {**ADMIN, "app": {"id_code": "abc12345", "name": "Acme Support", "region": region}}


def error(code: str, message: str = "Something.") -> dict[str, Any]:
    return {"type": "error.list", "request_id": "b3c41080", "errors": [{"code": code, "message": message}]}


UNAUTHORIZED: Final = error("unauthorized", "Access Token Invalid")
OVER: Final = error("rate_limit_exceeded", "Exceeded rate limit of 83 in 10_seconds")
PAGE: Final = {"Content-Type": "text/html"}
CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        replies=me(200, ADMIN),
        identity=CIARAN,
        data={
            "admin_id": "991267459",
            "email": "ciaran@example.com",
            "workspace_id": "abc12345",
            "workspace": "Acme Support",
            "region": "eu",
            "time_zone": "America/Los_Angeles",
        },
    ),
    Case(name="success in the United States", result=Result.OK, values={"region": None}, replies=me(200, of_region("US"), url="https://api.intercom.io/me"), identity=CIARAN),
    Case(name="success in Australia", result=Result.OK, values={"region": "au"}, replies=me(200, of_region("AU"), url="https://api.au.intercom.io/me"), identity=CIARAN),
    Case(name="success without names", result=Result.OK, replies=me(200, {"id": "7", "app": {"id_code": "abc12345"}}), identity="7 in abc12345"),
    Case(name="another region", result=Result.WRONG_HOST, replies=me(200, of_region("US")), says="in the region us, and not in eu"),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, replies=me(401, UNAUTHORIZED), says="Access Token Invalid (unauthorized)"),
    Case(name="revoked token", result=Result.BAD_CREDENTIALS, replies=me(403, error("token_suspended")), says="token_suspended"),
    Case(name="wrong credentials without words", result=Result.BAD_CREDENTIALS, replies=me(401, ""), says="another region"),
    Case(name="not connected yet", result=Result.BAD_CREDENTIALS, values=UNCONNECTED, replies=(), says="no access token of Intercom yet"),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, replies=me(403, error("action_forbidden")), says="Developer Hub"),
    Case(name="permission that says unauthorized", result=Result.MISSING_PERMISSION, replies=me(401, error("token_unauthorized")), says="Developer Hub"),
    Case(name="plan without this", result=Result.MISSING_PERMISSION, replies=me(403, error("api_plan_restricted")), says="plan"),
    Case(name="rate limit", result=Result.RATE_LIMITED, replies=me(429, OVER, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1487332520"}), retry_after=0.0, says="83 in 10_seconds"),
    Case(name="rate limit with a time", result=Result.RATE_LIMITED, replies=me(429, OVER, {"Retry-After": "7", "X-RateLimit-Reset": "1487332520"}), retry_after=7.0),
    Case(name="rate limit until far away", result=Result.RATE_LIMITED, replies=me(429, OVER, {"X-RateLimit-Reset": "99999999999"}), retry_after=86400.0),
    Case(name="rate limit without a time", result=Result.RATE_LIMITED, replies=me(429, "")),
    Case(name="outage", result=Result.PROVIDER_DOWN, replies=me(503, error("service_unavailable"))),
    Case(name="outage of the proxy", result=Result.PROVIDER_DOWN, replies=me(502, HTML, PAGE)),
    Case(name="nonsense", result=Result.WRONG_HOST, replies=me(200, HTML), says="web page"),
    Case(name="another API", result=Result.WRONG_HOST, replies=me(200, {"id": "7", "app": None}), says="no teammate and workspace"),
    Case(name="half-closed body", result=Result.NETWORK, replies=me(200, ADMIN, {"Content-Length": "5000"})),
]  # fmt: skip
CANNOT_HAPPEN: Final = {
    "ended credentials": ("An access token has no end; one that was revoked is answered as such."),
}
