"""An API of one's own, for each kind of authentication, and one of GraphQL."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

BASE: Final = "https://api.example.com/v2"
URL: Final = f"{BASE}/agents?id=example-agent"
TOKENS: Final = "https://login.example.com/oauth/token"
REST: Final = {"graphql_query": None, "graphql_variables": None}
OAUTH2: Final = {**REST, "auth_type": "oauth2"}
AGENT: Final = {"agent": {"id": "example-agent"}}
GRAPHQL: Final = {"test_path": None, "test_expect": "data.agent.id"}


def got(status: int, body: Any, headers: Any = None, url: str = URL) -> tuple[Reply, ...]:
    return (Reply("GET", url, status, body, headers or {}),)


def token(status: int, body: Any) -> Reply:
    return Reply("POST", TOKENS, status, body)


def queried(status: int, body: Any) -> tuple[Reply, ...]:
    return (Reply("POST", BASE, status, body),)


def refused(code: str, message: str = "No") -> tuple[Reply, ...]:
    return queried(200, {"data": None, "errors": [{"message": message, "extensions": {"code": code}}]})


CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=REST,
        replies=got(200, AGENT),
        identity="api.example.com",
        data={"status": 200},
    ),
    *(
        Case(
            name=f"success with {kind}",
            result=Result.OK,
            values={**REST, "auth_type": kind},
            replies=got(200, AGENT),
            identity="api.example.com",
        )
        for kind in ("none", "basic", "header")
    ),
    Case(
        name="success with query",
        result=Result.OK,
        values={**REST, "auth_type": "query", "key_name": "key"},
        replies=got(200, AGENT, url=f"{URL}&key=example-key-for-documentation"),
        identity="api.example.com",
    ),
    Case(
        name="success with oauth2",
        result=Result.OK,
        values=OAUTH2,
        replies=(token(200, {"access_token": "a-fresh-access-token", "token_type": "Bearer"}), *got(200, AGENT)),
        identity="api.example.com",
    ),
    Case(
        name="success with oauth2 in the body",
        result=Result.OK,
        values={**OAUTH2, "client_authentication": "body"},
        replies=(token(200, {"access_token": "a-fresh-access-token", "token_type": "Bearer"}), *got(200, AGENT)),
        identity="api.example.com",
    ),
    Case(
        name="success with oauth2 that a person agreed to",
        result=Result.OK,
        values={**OAUTH2, "auth_type": "oauth2_code"},
        replies=got(200, AGENT),
        identity="api.example.com",
    ),
    Case(
        name="not connected yet",
        result=Result.BAD_CREDENTIALS,
        values={**OAUTH2, "auth_type": "oauth2_code", "access_token": None},
        replies=(),
        says="is not connected yet",
    ),
    Case(
        name="success of GraphQL",
        result=Result.OK,
        values=GRAPHQL,
        replies=queried(200, {"data": AGENT}),
        identity="api.example.com",
    ),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, values=REST, replies=got(401, {"message": "No"})),
    Case(
        name="wrong client",
        result=Result.BAD_CREDENTIALS,
        values=OAUTH2,
        replies=(token(400, {"error": "invalid_client"}),),
        says="Client ID or secret",
    ),
    Case(
        name="wrong scope",
        result=Result.MISSING_PERMISSION,
        values=OAUTH2,
        replies=(token(400, {"error": "invalid_scope"}),),
    ),
    Case(
        name="token address without tokens",
        result=Result.WRONG_HOST,
        values=OAUTH2,
        replies=(token(200, {"token": "x"}),),
        says="gave no token",
    ),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, values=REST, replies=got(403, {"error": "No"})),
    Case(
        name="rate limit",
        result=Result.RATE_LIMITED,
        values=REST,
        replies=got(429, "", {"Retry-After": "3"}),
        retry_after=3.0,
    ),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=REST, replies=got(503, HTML)),
    Case(name="nonsense", result=Result.WRONG_HOST, values=REST, replies=got(200, HTML), says="web page"),
    Case(
        name="log-in in JSON",
        result=Result.WRONG_HOST,
        values=REST,
        replies=got(200, {"login": "/sso"}),
        says="it has nothing at agent.id",
    ),
    Case(
        name="name without a value",
        result=Result.BAD_CREDENTIALS,
        values={**REST, "credentials": None},
        replies=(),
        says="add workspace_key to the named credentials",
    ),
    Case(
        name="GraphQL without credentials",
        result=Result.BAD_CREDENTIALS,
        values=GRAPHQL,
        replies=refused("UNAUTHENTICATED"),
    ),
    Case(
        name="GraphQL without permission",
        result=Result.MISSING_PERMISSION,
        values=GRAPHQL,
        replies=refused("FORBIDDEN"),
    ),
    Case(name="GraphQL limit", result=Result.RATE_LIMITED, values=GRAPHQL, replies=refused("THROTTLED")),
    Case(name="GraphQL outage", result=Result.PROVIDER_DOWN, values=GRAPHQL, replies=refused("INTERNAL_SERVER_ERROR")),
    Case(
        name="GraphQL mistake",
        result=Result.WRONG_HOST,
        values=GRAPHQL,
        replies=refused("GRAPHQL_VALIDATION_FAILED", 'Cannot query field "agents".'),
        says='Cannot query field "agents"',
    ),
]
CANNOT_HAPPEN: Final = {
    "ended credentials": ("Every API has words of its own; what all have in common is 401, as for wrong credentials."),
}
