"""Answers in the shape of Salesforce's OAuth2 endpoints and REST API v66.0."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

BASE: Final = "https://acme.my.salesforce.com"
TOKEN_ALONE: Final = {"client_id": None, "client_secret": None, "refresh_token": None}
CLIENT_ALONE: Final = {"access_token": None, "refresh_token": None}
BOTH: Final = {"refresh_token": None}
SANDBOX: Final = {"my_domain": "acme--test.sandbox.my.salesforce.com", "api_version": "v62.0"}
USER: Final = {
    "sub": "https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS",
    "user_id": "005xx000001SwiUAAS",
    "organization_id": "00Dxx0000001gPLEAY",
    "preferred_username": "integration@acme.example",
    "name": "Integration User",
    "active": True,
}
LIMITS: Final = {"DailyApiRequests": {"Max": 15000, "Remaining": 14998}, "DataStorageMB": {"Max": 5, "Remaining": 5}}
GIVEN: Final = {
    "access_token": "00Dxx0000001gPL!AQ4AQFEXAMPLE",
    "instance_url": "https://acme.my.salesforce.com",
    "issued_at": "1768471200000",
    "token_type": "Bearer",
}
IDENTITY: Final = "integration@acme.example in 00Dxx0000001gPLEAY"


def token(status: int, body: Any, headers: Any = None) -> Reply:
    return Reply("POST", f"{BASE}/services/oauth2/token", status, body, headers or {})


def user(status: int, body: Any, headers: Any = None, base: str = BASE) -> Reply:
    return Reply("GET", f"{base}/services/oauth2/userinfo", status, body, headers or {})


def limits(status: int, body: Any, headers: Any = None, base: str = BASE, version: str = "v66.0") -> Reply:
    return Reply("GET", f"{base}/services/data/{version}/limits", status, body, headers or {})


def error(code: str, message: str = "Something") -> list[dict[str, str]]:
    return [{"message": message, "errorCode": code}]


WRONG_SECRET: Final = {"error": "invalid_client", "error_description": "invalid client credentials"}
NO_USER: Final = {"error": "invalid_grant", "error_description": "no client credentials user enabled"}
ENDED: Final = error("INVALID_SESSION_ID", "Session expired or invalid")
USED_UP: Final = error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=TOKEN_ALONE,
        replies=(user(200, USER), limits(200, LIMITS, {"Sforce-Limit-Info": "api-usage=2/15000"})),
        identity=IDENTITY,
        data={
            "user_id": "005xx000001SwiUAAS",
            "organization_id": "00Dxx0000001gPLEAY",
            "username": "integration@acme.example",
            "daily_requests": 15000,
            "daily_requests_left": 14998,
        },
    ),
    Case(name="success with client credentials", result=Result.OK, values=CLIENT_ALONE, replies=(token(200, GIVEN), user(200, USER), limits(200, LIMITS)), identity=IDENTITY),
    Case(name="success with an ended token and client credentials", result=Result.OK, values=BOTH, replies=(user(401, ENDED), token(200, GIVEN), user(200, USER), limits(200, LIMITS)), identity=IDENTITY),
    Case(name="success in a sandbox with another version", result=Result.OK, values=SANDBOX, replies=(user(200, USER, base=f"https://{SANDBOX['my_domain']}"), limits(200, LIMITS, base=f"https://{SANDBOX['my_domain']}", version="v62.0")), identity=IDENTITY),
    Case(name="success of a user who may not see limits", result=Result.OK, values=TOKEN_ALONE, replies=(user(200, USER), limits(403, error("INSUFFICIENT_ACCESS"))), identity=IDENTITY),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, values=TOKEN_ALONE, replies=(user(401, ENDED),), says="INVALID_SESSION_ID"),
    Case(name="wrong credentials in plain text", result=Result.BAD_CREDENTIALS, values=TOKEN_ALONE, replies=(user(403, "Bad_OAuth_Token"),), says="Bad_OAuth_Token"),
    Case(name="ended credentials", result=Result.BAD_CREDENTIALS, replies=(user(401, ENDED),)),
    Case(name="wrong secret", result=Result.BAD_CREDENTIALS, values=CLIENT_ALONE, replies=(token(400, WRONG_SECRET),), says="consumer secret"),
    Case(name="no user to run as", result=Result.BAD_CREDENTIALS, values=CLIENT_ALONE, replies=(token(400, NO_USER),), says="a user to run as"),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, values=TOKEN_ALONE, replies=(user(200, USER), limits(403, error("API_DISABLED_FOR_ORG"))), says="API Enabled"),
    Case(name="app without the flow", result=Result.MISSING_PERMISSION, values=CLIENT_ALONE, replies=(token(400, {"error": "unauthorized_client"}),)),
    Case(name="unknown version", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=(user(200, USER), limits(404, error("NOT_FOUND"))), says="API version"),
    Case(name="rate limit", result=Result.RATE_LIMITED, values=TOKEN_ALONE, replies=(user(200, USER), limits(403, USED_UP)), retry_after=900.0, says="used up"),
    Case(name="rate limit with a time", result=Result.RATE_LIMITED, values=TOKEN_ALONE, replies=(user(429, error("REQUEST_LIMIT_EXCEEDED"), {"Retry-After": "20"}),), retry_after=20.0),
    Case(name="rate limit of token requests", result=Result.RATE_LIMITED, values=CLIENT_ALONE, replies=(token(429, ""),)),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=TOKEN_ALONE, replies=(user(503, error("SERVER_UNAVAILABLE")),), says="maintenance"),
    Case(name="outage of the token endpoint", result=Result.PROVIDER_DOWN, values=CLIENT_ALONE, replies=(token(503, HTML, {"Content-Type": "text/html"}),)),
    Case(name="nonsense", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=(user(200, HTML),), says="web page"),
    Case(name="nonsense instead of a token", result=Result.WRONG_HOST, values=CLIENT_ALONE, replies=(token(200, HTML),), says="web page"),
    Case(name="no token in the answer", result=Result.WRONG_HOST, values=CLIENT_ALONE, replies=(token(200, {"token_type": "Bearer"}),), says="no access token"),
    Case(name="half-closed body", result=Result.NETWORK, values=TOKEN_ALONE, replies=(user(200, USER, {"Content-Length": "5000"}),)),
    Case(name="half-closed token", result=Result.NETWORK, values=CLIENT_ALONE, replies=(token(200, GIVEN, {"Content-Length": "5000"}),)),
]  # fmt: skip
