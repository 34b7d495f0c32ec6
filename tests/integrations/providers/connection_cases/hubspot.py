"""Answers in the shape of HubSpot's account information (v3) and token endpoint (2026-03)."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

URL: Final = "https://api.hubapi.com/account-info/v3/details"
TOKEN_URL: Final = "https://api.hubapi.com/oauth/2026-03/token"
KEY_ALONE: Final = {"client_id": None, "client_secret": None, "refresh_token": None, "portal_id": None}
REFRESHED: Final = {"access_token": None}
UNCONNECTED: Final = {"access_token": None, "refresh_token": None}
ACCOUNT: Final = {
    "portalId": 12345678,
    "portalName": "Acme Inc",
    "accountType": "STANDARD",
    "companyCurrency": "USD",
    "timeZone": "US/Eastern",
    "dataHostingLocation": "eu1",
    "uiDomain": "app-eu1.hubspot.com",
    "additionalCurrencies": ["EUR"],
    "utcOffset": "-04:00",
}
GIVEN: Final = {"token_type": "bearer", "access_token": "CJSP5qf1KhICAQEYs-gDIIGOBii1hQIyGQAf3xBKmlwHjX7OIpuIFEavB2-qYAGQsF4", "expires_in": 1800, "hub_id": 12345678}  # fmt: skip


def details(status: int, body: Any, headers: Any = None) -> Reply:
    return Reply("GET", URL, status, body, headers or {})


def token(status: int, body: Any, headers: Any = None) -> Reply:
    return Reply("POST", TOKEN_URL, status, body, headers or {})


def error(category: str, **more: Any) -> dict[str, Any]:
    message = "Something"
    return {"status": "error", "message": message, "correlationId": "aeb5f871", "category": category, **more}


def limit(policy: str) -> dict[str, Any]:
    return {
        "status": "error",
        "message": "You have reached your limit.",
        "errorType": "RATE_LIMIT",
        "policyName": policy,
    }


UNAUTHENTICATED: Final = error("INVALID_AUTHENTICATION")
UNSCOPED: Final = error("MISSING_SCOPES", errors=[{"context": {"requiredGranularScopes": ["crm.objects.contacts.read", "oauth"]}}])  # fmt: skip
CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=KEY_ALONE,
        replies=(details(200, ACCOUNT),),
        identity="Acme Inc (12345678)",
        data={
            "portal_id": 12345678,
            "accountType": "STANDARD",
            "companyCurrency": "USD",
            "timeZone": "US/Eastern",
            "dataHostingLocation": "eu1",
            "uiDomain": "app-eu1.hubspot.com",
        },
    ),
    Case(name="success without a name", result=Result.OK, replies=(details(200, {"portalId": 12345678}),), identity="Account 12345678"),
    Case(name="success with a refresh token", result=Result.OK, values=REFRESHED, replies=(token(200, GIVEN), details(200, ACCOUNT)), identity="Acme Inc (12345678)"),
    Case(name="success with an ended token and a refresh token", result=Result.OK, replies=(details(401, error("EXPIRED_AUTHENTICATION")), token(200, GIVEN), details(200, ACCOUNT)), identity="Acme Inc (12345678)"),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, values=KEY_ALONE, replies=(details(401, UNAUTHENTICATED),), says="INVALID_AUTHENTICATION"),
    Case(name="ended credentials", result=Result.BAD_CREDENTIALS, values=KEY_ALONE, replies=(details(401, error("EXPIRED_AUTHENTICATION")),), says="has ended"),
    Case(name="wrong refresh token", result=Result.BAD_CREDENTIALS, values=REFRESHED, replies=(token(400, {"error": "invalid_grant", "error_description": "unknown"}),), says="connect the account again"),
    Case(name="wrong refresh token in the older form", result=Result.BAD_CREDENTIALS, values=REFRESHED, replies=(token(400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}),), says="invalid refresh token"),
    Case(name="not connected yet", result=Result.BAD_CREDENTIALS, values=UNCONNECTED, replies=(), says="no access token of HubSpot yet"),
    Case(name="another account", result=Result.WRONG_HOST, replies=(details(200, {**ACCOUNT, "portalId": 7}),), says="belongs to account 7"),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, values=KEY_ALONE, replies=(details(403, UNSCOPED),), says="crm.objects.contacts.read, oauth"),
    Case(name="rate limit", result=Result.RATE_LIMITED, values=KEY_ALONE, replies=(details(429, limit("TEN_SECONDLY_ROLLING")),), retry_after=10.0),
    Case(name="rate limit of a second", result=Result.RATE_LIMITED, values=KEY_ALONE, replies=(details(429, limit("SECONDLY")),), retry_after=1.0),
    Case(name="rate limit of the day", result=Result.RATE_LIMITED, values=KEY_ALONE, replies=(details(429, limit("DAILY")),), retry_after=900.0, says="for the day"),
    Case(name="rate limit with a time", result=Result.RATE_LIMITED, values=KEY_ALONE, replies=(details(429, limit("DAILY"), {"Retry-After": "120"}),), retry_after=120.0),
    Case(name="rate limit without a time", result=Result.RATE_LIMITED, values=KEY_ALONE, replies=(details(429, ""),)),
    Case(name="locked", result=Result.PROVIDER_DOWN, values=KEY_ALONE, replies=(details(423, ""),), retry_after=2.0),
    Case(name="being moved", result=Result.PROVIDER_DOWN, values=KEY_ALONE, replies=(details(477, "", {"Retry-After": "3600"}),), retry_after=3600.0),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=KEY_ALONE, replies=(details(502, HTML, {"Content-Type": "text/html"}),)),
    Case(name="outage of the token endpoint", result=Result.PROVIDER_DOWN, values=REFRESHED, replies=(token(504, ""),)),
    Case(name="nonsense", result=Result.WRONG_HOST, values=KEY_ALONE, replies=(details(200, HTML),), says="web page"),
    Case(name="another API", result=Result.WRONG_HOST, values=KEY_ALONE, replies=(details(200, {"portal": "Acme"}),)),
    Case(name="half-closed body", result=Result.NETWORK, values=KEY_ALONE, replies=(details(200, ACCOUNT, {"Content-Length": "5000"}),)),
]  # fmt: skip
