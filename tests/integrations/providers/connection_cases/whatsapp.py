"""Answers in the shape of Meta's Graph API v23.0 (business messaging description of October 2025)."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

URL: Final = "https://graph.facebook.com/v23.0/106540352242922"
NUMBER: Final = {
    "id": "106540352242922",
    "display_phone_number": "+1 650-555-1234",
    "verified_name": "Acme",
    "quality_rating": "GREEN",
    "code_verification_status": "VERIFIED",
}


def error(status: int, code: int, message: str = "Something", headers: Any = None, **more: Any) -> tuple[Reply, ...]:
    body = {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AbC1", **more}}
    return (Reply("GET", URL, status, body, headers or {}),)


CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        replies=(Reply("GET", URL, 200, NUMBER),),
        identity="Acme (+1 650-555-1234)",
        data={name: value for name, value in NUMBER.items() if name != "id"},
        says="Connected as Acme (+1 650-555-1234).",
    ),
    Case(
        name="success with another version",
        result=Result.OK,
        values={"api_version": "v26.0"},
        replies=(Reply("GET", URL.replace("v23.0", "v26.0"), 200, NUMBER),),
        identity="Acme (+1 650-555-1234)",
    ),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, replies=error(401, 190), says="does not accept"),
    Case(
        name="ended credentials",
        result=Result.BAD_CREDENTIALS,
        replies=error(400, 190, "Error validating access token: Session has expired", error_subcode=463),
        says="has ended",
    ),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, replies=error(403, 200), says="code 200"),
    Case(name="wrong number", result=Result.WRONG_HOST, replies=error(400, 100, error_subcode=33), says="phone number ID"),
    Case(name="number that is not there", result=Result.WRONG_HOST, replies=error(404, 803), says="phone number ID"),
    Case(
        name="rate limit",
        result=Result.RATE_LIMITED,
        replies=error(429, 80007, headers={
            "X-Business-Use-Case-Usage": '{"102": [{"call_count": 100, "estimated_time_to_regain_access": 3}]}'
        }),
        retry_after=180.0,
        says="fewer requests",
    ),
    Case(name="rate limit without a time", result=Result.RATE_LIMITED, replies=error(400, 4), says="fewer requests"),
    Case(name="outage", result=Result.PROVIDER_DOWN, replies=error(500, 2, is_transient=True), says="of its own"),
    Case(name="outage of a known kind", result=Result.PROVIDER_DOWN, replies=error(400, 131057), says="of its own"),
    Case(name="nonsense", result=Result.WRONG_HOST, replies=(Reply("GET", URL, 200, HTML),), says="web page"),
    Case(name="other number", result=Result.WRONG_HOST, replies=(Reply("GET", URL, 200, {**NUMBER, "id": "1"}),)),
]  # fmt: skip
