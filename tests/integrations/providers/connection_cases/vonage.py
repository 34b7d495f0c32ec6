"""Answers in the shape of Vonage's account API."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

URL: Final = "https://rest.nexmo.com/account/get-balance"


def answered(status: int, body: Any, headers: Any = None) -> tuple[Reply, ...]:
    return (Reply("GET", URL, status, body, headers or {}),)


CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        replies=answered(200, {"value": 10.17, "autoReload": False}),
        identity="Account ***",
        data={"balance": 10.17, "auto_reload": False},
        says="the balance is 10.17",
    ),
    Case(
        name="success without money",
        result=Result.OK,
        replies=answered(200, {"value": 0, "autoReload": False}),
        identity="Account ***",
        says="nothing will be sent",
    ),
    Case(
        name="wrong credentials",
        result=Result.BAD_CREDENTIALS,
        replies=answered(401, {"error-code": "401", "error-code-label": "authentication failed"}),
        says="authentication failed",
    ),
    Case(
        name="missing permission",
        result=Result.MISSING_PERMISSION,
        replies=answered(403, {"type": "about:blank", "title": "Forbidden", "detail": "Account barred"}),
        says="Account barred",
    ),
    Case(name="rate limit", result=Result.RATE_LIMITED, replies=answered(429, {"title": "Rate Limit Hit"})),
    Case(name="outage", result=Result.PROVIDER_DOWN, replies=answered(500, {"error-code": "500"})),
    Case(name="nonsense", result=Result.WRONG_HOST, replies=answered(200, HTML), says="web page"),
    Case(name="another API", result=Result.WRONG_HOST, replies=answered(200, {"value": "a lot"})),
]
CANNOT_HAPPEN: Final = {
    "ended credentials": ("A secret has no end; one that was removed is answered like a wrong one."),
}
