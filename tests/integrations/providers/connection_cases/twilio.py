"""Answers in the shape of Twilio's API 2010-04-01. The account's own resource holds the auth token, as it really does."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import Case, Reply

SID: Final = "AC0123456789abcdef0123456789abcdef"
URL: Final = f"https://api.twilio.com/2010-04-01/Accounts/{SID}.json"
MESSAGES: Final = f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages.json"
WITH_TOKEN: Final = {"api_key_sid": None, "api_key_secret": None}
ACCOUNT: Final = {
    "sid": SID,
    "auth_token": "0123456789abcdef0123456789abcdef",
    "friendly_name": "Acme",
    "status": "active",
    "type": "Full",
    "owner_account_sid": SID,
    "date_created": "Thu, 30 Jul 2015 20:12:31 +0000",
}


def error(status: int, code: int, message: str = "Something", url: str = URL, headers: Any = None) -> tuple[Reply, ...]:
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more_info, "status": status}
    return (Reply("GET", url, status, body, headers or {}),)


CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=WITH_TOKEN,
        replies=(Reply("GET", URL, 200, ACCOUNT),),
        identity="Acme",
        data={"friendly_name": "Acme", "status": "active", "type": "Full", "credentials": "auth token"},
    ),
    Case(
        name="success with an API key",
        result=Result.OK,
        replies=(Reply("GET", f"{MESSAGES}?PageSize=1", 200, {"messages": [], "page": 0}),),
        identity="Account ***cdef",
        data={"credentials": "api key"},
    ),
    Case(
        name="wrong credentials",
        result=Result.BAD_CREDENTIALS,
        values=WITH_TOKEN,
        replies=error(401, 20003, "Authenticate"),
        says="error is 20003",
    ),
    Case(
        name="wrong API key",
        result=Result.BAD_CREDENTIALS,
        replies=error(401, 20003, "Authenticate", url=f"{MESSAGES}?PageSize=1"),
    ),
    Case(
        name="missing permission",
        result=Result.MISSING_PERMISSION,
        values=WITH_TOKEN,
        replies=error(403, 20008, "Resource not accessible with Test Account Credentials"),
        says="These are test credentials",
    ),
    Case(
        name="suspended account",
        result=Result.MISSING_PERMISSION,
        values=WITH_TOKEN,
        replies=(Reply("GET", URL, 200, {**ACCOUNT, "status": "suspended"}),),
        says="it is suspended",
    ),
    Case(
        name="unknown account",
        result=Result.WRONG_HOST,
        values=WITH_TOKEN,
        replies=error(404, 20404),
        says="account SID",
    ),
    Case(
        name="rate limit",
        result=Result.RATE_LIMITED,
        values=WITH_TOKEN,
        replies=error(429, 20429, headers={"Retry-After": "2"}),
        retry_after=2.0,
    ),
    Case(name="rate limit without a time", result=Result.RATE_LIMITED, values=WITH_TOKEN, replies=error(429, 20429)),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=WITH_TOKEN, replies=error(503, 20503)),
    Case(
        name="problem details of the newer form",
        result=Result.BAD_CREDENTIALS,
        values=WITH_TOKEN,
        replies=(
            Reply("GET", URL, 401, {"type": "about:blank", "title": "Unauthorized", "status": 401, "code": 20003}),
        ),
    ),
    Case(
        name="nonsense", result=Result.WRONG_HOST, values=WITH_TOKEN, replies=(Reply("GET", URL, 200, {"sid": "AC0"}),)
    ),
]
CANNOT_HAPPEN: Final = {
    "ended credentials": ("An auth token or API key has no end; one that was revoked is answered like a wrong one."),
}
