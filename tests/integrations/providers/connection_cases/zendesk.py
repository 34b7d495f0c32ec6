"""Answers in the shape of Zendesk's ticketing API (v2) and of its token endpoint."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

URL: Final = "https://acme.zendesk.com/api/v2/users/me"
TOKEN_URL: Final = "https://acme.zendesk.com/oauth/tokens"
API_TOKEN: Final = dict.fromkeys(("access_token", "client_id", "client_secret", "refresh_token"))
TOKEN_ALONE: Final = dict.fromkeys(("api_token", "email", "client_id", "client_secret", "refresh_token"))
APP: Final = dict.fromkeys(("api_token", "email", "access_token", "refresh_token"))
APP_AND_TOKEN: Final = dict.fromkeys(("api_token", "email", "refresh_token"))
UNCONNECTED: Final = dict.fromkeys(("api_token", "email", "access_token"))
USER: Final = {
    "id": 35436,
    "name": "Johnny Agent",
    "email": "johnny@example.com",
    "role": "agent",
    "time_zone": "Copenhagen",
    "ticket_restriction": "assigned",
    "authenticity_token": "a-token-against-forged-requests",
}
FOUND: Final = {"user": USER}
JOHNNY: Final = "Johnny Agent at acme.zendesk.com"
DATA: Final = {
    "user_id": 35436,
    "email": "johnny@example.com",
    "role": "agent",
    "time_zone": "Copenhagen",
    "ticket_restriction": "assigned",
}
ANONYMOUS: Final = {"user": {"id": None, "name": "Anonymous user", "email": "invalid@example.com", "role": "end-user"}}
GIVEN: Final = {"access_token": "ExampleTokenOfClientCredentials0123456789", "token_type": "bearer", "scope": "read", "expires_in": 1800}  # fmt: skip


def me(status: int, body: Any, headers: Any = None) -> tuple[Reply, ...]:
    return (Reply("GET", URL, status, body, headers or {}),)


def token(status: int, body: Any, headers: Any = None) -> tuple[Reply, ...]:
    return (Reply("POST", TOKEN_URL, status, body, headers or {}),)


def found(**changed: Any) -> dict[str, Any]:
    return {"user": {**USER, **changed}}


REFUSED: Final = {"error": "Couldn't authenticate you"}
ENDED: Final = {"error": "invalid_token", "error_description": "The access token provided is expired, revoked, malformed or invalid for other reasons."}  # fmt: skip
FORBIDDEN: Final = {"error": {"title": "Forbidden", "message": "You do not have access to this page."}}
SLOWLY: Final = {"error": "APIRateLimitExceeded", "description": "Number of allowed API requests per minute exceeded"}
PAGE: Final = {"Content-Type": "text/html"}
CASES: Final = [
    Case(name="success", result=Result.OK, values=TOKEN_ALONE, replies=me(200, FOUND), identity=JOHNNY, data=DATA),
    Case(name="success with an API token", result=Result.OK, values=API_TOKEN, replies=me(200, FOUND), identity=JOHNNY, data=DATA, says="end on 30 April 2027"),
    Case(name="success with everything", result=Result.OK, replies=me(200, FOUND), identity=JOHNNY),
    Case(name="success with client credentials", result=Result.OK, values=APP, replies=(*token(200, GIVEN), *me(200, FOUND)), identity=JOHNNY, data=DATA),
    Case(name="success with an ended token and client credentials", result=Result.OK, values=APP_AND_TOKEN, replies=(*me(401, ENDED), *token(200, GIVEN), *me(200, FOUND)), identity=JOHNNY),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, values=API_TOKEN, replies=me(401, REFUSED), says="Couldn't authenticate you"),
    Case(name="ended credentials", result=Result.BAD_CREDENTIALS, values=TOKEN_ALONE, replies=me(401, ENDED), says="have ended"),
    Case(name="ended access token with a refresh token", result=Result.BAD_CREDENTIALS, replies=me(401, ENDED)),
    Case(name="nobody", result=Result.BAD_CREDENTIALS, values=API_TOKEN, replies=me(200, ANONYMOUS), says="for nobody's"),
    Case(name="wrong client", result=Result.BAD_CREDENTIALS, values=APP, replies=token(401, {"error": "invalid_client", "error_description": "Client authentication failed"}), says="its identifier, not its name"),
    Case(name="public client", result=Result.MISSING_PERMISSION, values=APP, replies=token(400, {"error": "unauthorized_client"}), says="must be confidential"),
    Case(name="not connected yet", result=Result.BAD_CREDENTIALS, values=UNCONNECTED, replies=(), says="no access token of Zendesk yet"),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, values=TOKEN_ALONE, replies=me(403, FORBIDDEN), says="do not have access"),
    Case(name="end user", result=Result.MISSING_PERMISSION, values=API_TOKEN, replies=me(200, found(role="end-user")), says="Johnny Agent, to whom the credentials belong, is an end user"),
    Case(name="no such account", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=me(404, HTML, PAGE), says="check the subdomain"),
    Case(name="renamed account", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=me(301, "", {"Location": "https://other.zendesk.com/"}), says="check the subdomain"),
    Case(name="rate limit", result=Result.RATE_LIMITED, values=TOKEN_ALONE, replies=me(429, SLOWLY, {"Retry-After": "30", "X-Rate-Limit": "700"}), retry_after=30.0),
    Case(name="rate limit without a time", result=Result.RATE_LIMITED, values=TOKEN_ALONE, replies=me(429, SLOWLY)),
    Case(name="rate limit of the token endpoint", result=Result.RATE_LIMITED, values=APP, replies=token(429, SLOWLY, {"Retry-After": "60"}), retry_after=60.0),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=TOKEN_ALONE, replies=me(503, HTML, {**PAGE, "Retry-After": "120"}), retry_after=120.0),
    Case(name="outage of the token endpoint", result=Result.PROVIDER_DOWN, values=APP, replies=token(500, "")),
    Case(name="nonsense", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=me(200, HTML), says="web page"),
    Case(name="nonsense of the token endpoint", result=Result.WRONG_HOST, values=APP, replies=token(200, {"token_type": "bearer"}), says="no access token"),
    Case(name="another API", result=Result.WRONG_HOST, values=TOKEN_ALONE, replies=me(200, {"id": 7}), says="names no user"),
    Case(name="half-closed body", result=Result.NETWORK, values=TOKEN_ALONE, replies=me(200, FOUND, {"Content-Length": "5000"})),
]  # fmt: skip
