"""Answers in the shape of Zoho CRM v8 and of Zoho's token endpoint, which says 200 to its own errors too."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

REFRESHED: Final = {"data_centre": None, "access_token": None, "environment": None}
TOKEN_ALONE: Final = {
    **dict.fromkeys(("client_id", "client_secret", "refresh_token", "environment")),
    "data_centre": "eu",
}
UNCONNECTED: Final = {"access_token": None, "refresh_token": None}
ORGANISATION: Final = {
    "id": "554023000000020005",
    "company_name": "Zylker",
    "zgid": "60001234567",
    "iso_code": "EUR",
    "time_zone": "Asia/Kolkata",
    "primary_email": "p.boyle@abc.example",
    "license_details": {"paid": True, "paid_type": "enterprise", "users_license_purchased": 10},
}
FOUND: Final = {"org": [ORGANISATION]}
GIVEN: Final = {
    "access_token": "1000.newtokenaaaaaaaaaaaaaaaa.newtokenbbbbbbbbbbbbbbbb",
    "api_domain": "https://www.zohoapis.com",
    "token_type": "Bearer",
    "expires_in": 3600,
}


def token(status: int, body: Any, headers: Any = None, host: str = "accounts.zoho.com") -> Reply:
    return Reply("POST", f"https://{host}/oauth/v2/token", status, body, headers or {})


def org(status: int, body: Any, headers: Any = None, host: str = "www.zohoapis.com") -> Reply:
    return Reply("GET", f"https://{host}/crm/v8/org", status, body, headers or {})


def european(status: int, body: Any, headers: Any = None) -> tuple[Reply, ...]:
    return (org(status, body, headers, "www.zohoapis.eu"),)


def error(code: str, message: str = "something") -> dict[str, Any]:
    return {"code": code, "details": {}, "message": message, "status": "error"}


ENDED: Final = error("INVALID_TOKEN", "invalid oauth token")
BUSY: Final = {"error": "Access Denied", "error_description": "You have made too many requests.", "status": "failure"}
CANADIAN: Final = {"data_centre": "ca", "access_token": None, "environment": None}
SANDBOX: Final = {"environment": "sandbox"}
CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=REFRESHED,
        replies=(token(200, GIVEN), org(200, FOUND)),
        identity="Zylker",
        data={
            "organisation": "Zylker",
            "organisation_id": "554023000000020005",
            "currency": "EUR",
            "time_zone": "Asia/Kolkata",
            "edition": "enterprise",
        },
    ),
    Case(name="success with a token", result=Result.OK, values=TOKEN_ALONE, replies=european(200, FOUND), identity="Zylker"),
    Case(name="success with an ended token", result=Result.OK, values={"environment": None}, replies=(org(401, ENDED, host="www.zohoapis.com.au"), token(200, GIVEN, host="accounts.zoho.com.au"), org(200, FOUND, host="www.zohoapis.com.au")), identity="Zylker"),
    Case(name="success in a sandbox", result=Result.OK, values=SANDBOX, replies=(org(200, FOUND, host="sandbox.zohoapis.com.au"),), identity="Zylker"),
    Case(name="success in Canada", result=Result.OK, values=CANADIAN, replies=(token(200, GIVEN, host="accounts.zohocloud.ca"), org(200, FOUND, host="www.zohoapis.ca")), identity="Zylker"),
    Case(name="success without a name", result=Result.OK, values=TOKEN_ALONE, replies=european(200, {"org": [{"id": "7"}]}), identity="Organisation 7"),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, values=REFRESHED, replies=(token(200, {"error": "invalid_client"}),), says="unknown in the data centre com"),
    Case(name="wrong refresh token", result=Result.BAD_CREDENTIALS, values=REFRESHED, replies=(token(200, {"error": "invalid_code"}),), says="invalid_code"),
    Case(name="refusal that nobody knows", result=Result.BAD_CREDENTIALS, values=REFRESHED, replies=(token(200, {"error": "brand_new"}),), says="brand_new"),
    Case(name="wrong token", result=Result.BAD_CREDENTIALS, values=TOKEN_ALONE, replies=european(401, ENDED), says="another data centre"),
    Case(name="not connected yet", result=Result.BAD_CREDENTIALS, values=UNCONNECTED, replies=(), says="no access token of Zoho CRM yet"),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, values=TOKEN_ALONE, replies=european(401, error("OAUTH_SCOPE_MISMATCH")), says="ZohoCRM.org.READ"),
    Case(name="user who may not", result=Result.MISSING_PERMISSION, values=TOKEN_ALONE, replies=european(403, error("NO_PERMISSION", "permission denied")), says="permission denied"),
    Case(name="error inside of 200", result=Result.MISSING_PERMISSION, values=TOKEN_ALONE, replies=european(200, error("NO_PERMISSION"))),
    Case(name="rate limit", result=Result.RATE_LIMITED, values=TOKEN_ALONE, replies=european(429, error("TOO_MANY_REQUESTS")), says="at once"),
    Case(name="rate limit with a time", result=Result.RATE_LIMITED, values=TOKEN_ALONE, replies=european(429, error("TOO_MANY_REQUESTS"), {"Retry-After": "60"}), retry_after=60.0),
    Case(name="rate limit without a code", result=Result.RATE_LIMITED, values=TOKEN_ALONE, replies=european(429, "")),
    Case(name="too many tokens", result=Result.RATE_LIMITED, values=REFRESHED, replies=(token(400, BUSY),), says="fewer requests for tokens"),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=TOKEN_ALONE, replies=european(500, error("INTERNAL_ERROR"))),
    Case(name="outage of the token endpoint", result=Result.PROVIDER_DOWN, values=REFRESHED, replies=(token(502, HTML, {"Content-Type": "text/html"}),)),
    Case(name="nonsense", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=european(200, HTML), says="web page"),
    Case(name="nothing", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=european(204, "")),
    Case(name="nonsense instead of a token", result=Result.WRONG_HOST, values=REFRESHED, replies=(token(200, HTML),), says="web page"),
    Case(name="half-closed body", result=Result.NETWORK, values=TOKEN_ALONE, replies=european(200, FOUND, {"Content-Length": "5000"})),
    Case(name="half-closed token", result=Result.NETWORK, values=REFRESHED, replies=(token(200, GIVEN, {"Content-Length": "5000"}),)),
]  # fmt: skip
CANNOT_HAPPEN: Final = {
    "ended credentials": (
        "A refresh token has no end, and an access token that has ended is renewed; alone, it is answered like a wrong one."
    ),
}
