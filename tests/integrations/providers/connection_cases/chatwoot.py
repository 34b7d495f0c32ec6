"""Answers in the shape of Chatwoot 4.14. A profile holds the access token itself, as it really does."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

OWN: Final = "https://chatwoot.example.com"
CLOUD: Final = {"base_url": "https://app.chatwoot.com"}
ACCOUNT: Final = {"id": 12345, "name": "Acme", "status": "active", "role": "administrator", "availability": "online"}
PROFILE: Final = {
    "id": 9,
    "access_token": "ExampleChatwootTokenForDocs1",
    "account_id": 1,
    "email": "ada@acme.example",
    "name": "Ada Park",
    "pubsub_token": "pub",
    "role": "administrator",
    "accounts": [{"id": 1, "name": "Other", "status": "active", "role": "agent"}, ACCOUNT],
}
INVALID: Final = {"error": "Invalid Access Token"}


def profile(status: int, body: Any, headers: Any = None, base: str = CLOUD["base_url"]) -> tuple[Reply, ...]:
    return (Reply("GET", f"{base}/api/v1/profile", status, body, headers or {}),)


def member(**account: Any) -> tuple[Reply, ...]:
    return profile(200, {**PROFILE, "accounts": [{**ACCOUNT, **account}]})


CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=CLOUD,
        replies=profile(200, PROFILE),
        identity="Ada Park in Acme",
        data={
            "user_id": 9,
            "email": "ada@acme.example",
            "account_id": 12345,
            "account": "Acme",
            "role": "administrator",
            "header": "api_access_token",
        },
        says="Connected as Ada Park in Acme.",
    ),
    Case(
        name="success on an own server",
        result=Result.OK,
        replies=profile(200, PROFILE, base=OWN),
        identity="Ada Park in Acme",
    ),
    Case(
        name="success behind a proxy that drops underscores",
        result=Result.OK,
        replies=(*profile(401, INVALID, base=OWN), *profile(200, PROFILE, base=OWN)),
        identity="Ada Park in Acme",
        says="sent as api-access-token",
    ),
    Case(
        name="success as an agent",
        result=Result.OK,
        values=CLOUD,
        replies=member(role="agent"),
        identity="Ada Park in Acme",
        says="The role there is agent",
    ),
    Case(
        name="wrong credentials",
        result=Result.BAD_CREDENTIALS,
        values=CLOUD,
        replies=profile(401, INVALID),
        says="Invalid Access Token",
    ),
    Case(
        name="wrong credentials on an own server",
        result=Result.BAD_CREDENTIALS,
        replies=(*profile(401, INVALID, base=OWN), *profile(401, INVALID, base=OWN)),
    ),
    Case(
        name="missing permission",
        result=Result.MISSING_PERMISSION,
        values=CLOUD,
        replies=member(id=7),
        says="does not belong to account 12345",
    ),
    Case(
        name="suspended account",
        result=Result.MISSING_PERMISSION,
        values=CLOUD,
        replies=member(status="suspended"),
        says="it is suspended",
    ),
    Case(
        name="another account",
        result=Result.MISSING_PERMISSION,
        replies=profile(401, {"error": "You are not authorized to access this account"}, base=OWN),
        says="may not do this",
    ),
    Case(
        name="forbidden",
        result=Result.MISSING_PERMISSION,
        values=CLOUD,
        replies=profile(403, {"error": "You are not permitted to perform this action"}),
    ),
    Case(
        name="not found",
        result=Result.WRONG_HOST,
        values=CLOUD,
        replies=profile(404, {"error": "Resource could not be found"}),
        says="check the account ID",
    ),
    Case(
        name="rate limit",
        result=Result.RATE_LIMITED,
        values=CLOUD,
        replies=profile(429, "Retry later\n", {"Retry-After": "30"}),
        retry_after=30.0,
        says="Retry later",
    ),
    Case(
        name="rate limit without a time",
        result=Result.RATE_LIMITED,
        values=CLOUD,
        replies=profile(429, "Retry later\n"),
    ),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=CLOUD, replies=profile(502, HTML, {"Content-Type": "text/html"})),
    Case(name="nonsense", result=Result.WRONG_HOST, values=CLOUD, replies=profile(200, HTML), says="web page"),
    Case(name="page of a proxy", result=Result.WRONG_HOST, values=CLOUD, replies=profile(401, HTML), says="web page"),
    Case(name="another API", result=Result.WRONG_HOST, values=CLOUD, replies=profile(200, {"id": 9})),
    Case(
        name="half-closed body",
        result=Result.NETWORK,
        values=CLOUD,
        replies=profile(200, PROFILE, {"Content-Length": "5000"}),
    ),
]  # fmt: skip
CANNOT_HAPPEN: Final = {
    "ended credentials": ("An access token has no end; one that was reset is answered like a wrong one."),
}
