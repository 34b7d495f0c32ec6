"""Answers in the shape of Pipedrive's API v1 (`GET /users/me`)."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

URL: Final = "https://acme.pipedrive.com/api/v1/users/me"
OAUTH: Final = {"api_token": None}
API_TOKEN: Final = dict.fromkeys(("access_token", "client_id", "client_secret", "refresh_token"))
UNCONNECTED: Final = dict.fromkeys(("access_token", "api_token", "refresh_token"))
USER: Final = {
    "id": 7,
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "default_currency": "EUR",
    "timezone_name": "Europe/Berlin",
    "activated": True,
    "is_you": True,
    "company_id": 54235233,
    "company_name": "Acme GmbH",
    "company_domain": "acme",
    "language": {"language_code": "en", "country_code": "US"},
}
FOUND: Final = {"success": True, "data": USER}


def me(status: int, body: Any, headers: Any = None) -> tuple[Reply, ...]:
    return (Reply("GET", URL, status, body, headers or {}),)


def found(**changed: Any) -> dict[str, Any]:
    return {"success": True, "data": {**USER, **changed}}


def error(status: int, words: str) -> dict[str, Any]:
    return {"success": False, "error": words, "errorCode": status}


UNAUTHORIZED: Final = error(401, "unauthorized access")
MISMATCH: Final = error(403, "Scope and URL mismatch")
OVER: Final = error(429, "request over limit")
PAGE: Final = {"Content-Type": "text/html"}
CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=API_TOKEN,
        replies=me(200, FOUND),
        identity="Ada Lovelace in Acme GmbH",
        data={
            "user_id": 7,
            "company_id": 54235233,
            "email": "ada@example.com",
            "company_name": "Acme GmbH",
            "company_domain": "acme",
            "default_currency": "EUR",
            "timezone_name": "Europe/Berlin",
        },
    ),
    Case(name="success with an access token", result=Result.OK, values=OAUTH, replies=me(200, FOUND), identity="Ada Lovelace in Acme GmbH"),
    Case(name="success without names", result=Result.OK, replies=me(200, {"success": True, "data": {"id": 7}}), identity="user 7 in acme"),
    Case(name="another company", result=Result.WRONG_HOST, values=API_TOKEN, replies=me(200, found(company_domain="other")), says="belongs to the company other, and not to acme"),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, values=API_TOKEN, replies=me(401, UNAUTHORIZED), says="unauthorized access"),
    Case(name="ended credentials", result=Result.BAD_CREDENTIALS, replies=me(401, UNAUTHORIZED), says="has ended"),
    Case(name="not connected yet", result=Result.BAD_CREDENTIALS, values=UNCONNECTED, replies=(), says="no access token of Pipedrive yet"),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, replies=me(403, MISMATCH), says="Scope and URL mismatch"),
    Case(name="ended subscription", result=Result.MISSING_PERMISSION, replies=me(402, error(402, "Payment required")), says="not open"),
    Case(name="rate limit", result=Result.RATE_LIMITED, replies=me(429, OVER, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"}), retry_after=2.0),
    Case(name="rate limit of the day", result=Result.RATE_LIMITED, replies=me(429, OVER, {"x-daily-ratelimit-token-remaining": "0", "x-ratelimit-reset": "2"}), retry_after=900.0, says="for the day"),
    Case(name="rate limit with a time", result=Result.RATE_LIMITED, replies=me(429, OVER, {"Retry-After": "30", "x-ratelimit-reset": "2"}), retry_after=30.0),
    Case(name="rate limit without a time", result=Result.RATE_LIMITED, replies=me(429, OVER)),
    Case(name="rate limit of the proxy", result=Result.RATE_LIMITED, replies=me(403, HTML, PAGE), retry_after=300.0, says="some minutes"),
    Case(name="outage", result=Result.PROVIDER_DOWN, replies=me(503, error(503, "Service unavailable"))),
    Case(name="outage of the proxy", result=Result.PROVIDER_DOWN, replies=me(502, HTML, PAGE)),
    Case(name="no such company", result=Result.WRONG_HOST, replies=me(404, HTML, PAGE), says="web page"),
    Case(name="nonsense", result=Result.WRONG_HOST, replies=me(200, HTML), says="web page"),
    Case(name="error inside of a success", result=Result.WRONG_HOST, replies=me(200, {"success": False, "data": USER}), says="names no user"),
    Case(name="half-closed body", result=Result.NETWORK, replies=me(200, FOUND, {"Content-Length": "5000"})),
]  # fmt: skip
