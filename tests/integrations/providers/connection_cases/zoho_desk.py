"""Answers in the shape of Zoho Desk's API v1 and of Zoho's token endpoint, which says 200 to its own errors too."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply
from tests.integrations.providers.connection_cases.zoho_crm import GIVEN, token

REFRESHED: Final = {"data_centre": None, "access_token": None}
TOKEN_ALONE: Final = {**dict.fromkeys(("client_id", "client_secret", "refresh_token", "data_centre"))}
NO_ORG: Final = {**TOKEN_ALONE, "org_id": None}
ZYLKER: Final = {
    "id": "3981311",
    "companyName": "Zylker INC.",
    "portalName": "zylker",
    "edition": "ENTERPRISE",
    "timeZone": "Pacific/Niue",
    "isAdminInOrg": True,
    "currencyCode": "USD",
    "isDefault": "false",
}
OTHER: Final = {"id": "55", "portalName": "other", "isDefault": "true"}
FOUND: Final = {"data": [ZYLKER]}


def listed(status: int, body: Any, headers: Any = None, host: str = "desk.zoho.com") -> tuple[Reply, ...]:
    return (Reply("GET", f"https://{host}/api/v1/organizations", status, body, headers or {}),)


def error(code: str, message: str = "Something.") -> dict[str, str]:
    return {"errorCode": code, "message": message}


ENDED: Final = error("INVALID_OAUTH", "The OAuth Token you provided is invalid.")
CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=REFRESHED,
        replies=(token(200, GIVEN), *listed(200, FOUND)),
        identity="Zylker INC.",
        says="Connected as Zylker INC.",
        data={
            "org_id": "3981311",
            "org_ids": ["3981311"],
            "portal": "zylker",
            "edition": "ENTERPRISE",
            "time_zone": "Pacific/Niue",
            "currency": "USD",
        },
    ),
    Case(name="success with a token", result=Result.OK, values=TOKEN_ALONE, replies=listed(200, FOUND), identity="Zylker INC."),
    Case(name="success with an ended token", result=Result.OK, values={"data_centre": None}, replies=(*listed(401, ENDED), token(200, GIVEN), *listed(200, FOUND)), identity="Zylker INC."),
    Case(name="success in Canada", result=Result.OK, values={"data_centre": "ca"}, replies=listed(200, FOUND, host="desk.zohocloud.ca"), identity="Zylker INC."),
    Case(name="success without an organisation ID", result=Result.OK, values=NO_ORG, replies=listed(200, {"data": [ZYLKER, OTHER]}), identity="other", data={"org_id": "55", "org_ids": ["3981311", "55"], "portal": "other"}, says="this one's is 55"),
    Case(name="another organisation", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=listed(200, {"data": [OTHER]}), says="does not open organisation 3981311, but 55"),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, values=TOKEN_ALONE, replies=listed(401, ENDED), says="INVALID_OAUTH"),
    Case(name="wrong client", result=Result.BAD_CREDENTIALS, values=REFRESHED, replies=(token(200, {"error": "invalid_client"}),), says="data centre com"),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, values=TOKEN_ALONE, replies=listed(403, error("SCOPE_MISMATCH")), says="Desk.basic.READ"),
    Case(name="edition without this", result=Result.MISSING_PERMISSION, values=TOKEN_ALONE, replies=listed(403, error("LICENSE_ACCESS_LIMITED"))),
    Case(name="token of another organisation", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=listed(403, error("OAUTH_ORG_MISMATCH")), says="organisation ID"),
    Case(name="refused parameter", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=listed(422, error("UNPROCESSABLE_ENTITY"))),
    Case(name="rate limit", result=Result.RATE_LIMITED, values=TOKEN_ALONE, replies=listed(429, error("TOO_MANY_REQUESTS")), says="at once"),
    Case(name="rate limit with a time", result=Result.RATE_LIMITED, values=TOKEN_ALONE, replies=listed(429, error("THRESHOLD_EXCEEDED"), {"Retry-After": "3600"}), retry_after=3600.0, says="for the day"),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=TOKEN_ALONE, replies=listed(503, "")),
    Case(name="outage with a code", result=Result.PROVIDER_DOWN, values=TOKEN_ALONE, replies=listed(500, error("INTERNAL_SERVER_ERROR"))),
    Case(name="nonsense", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=listed(200, HTML), says="web page"),
    Case(name="no organisation", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=listed(200, {"data": [None, {"id": None}]})),
    Case(name="half-closed body", result=Result.NETWORK, values=TOKEN_ALONE, replies=listed(200, FOUND, {"Content-Length": "5000"})),
]  # fmt: skip
CANNOT_HAPPEN: Final = {
    "ended credentials": (
        "A refresh token has no end, and an access token that has ended is renewed; alone, it is answered like a wrong one."
    ),
}
