"""Answers in the shape of GitHub's REST API, version 2022-11-28."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

BASE: Final = "https://api.github.com"
ON_GITHUB: Final = {"base_url": None}
USER_ALONE: Final = {"base_url": None, "repository_owner": None, "repository": None}
USER: Final = {"login": "octocat", "id": 1, "type": "User", "email": "octocat@example.com"}
DOCUMENTED: Final = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"


def user(status: int, body: Any, headers: Any = None) -> tuple[Reply, ...]:
    return (Reply("GET", f"{BASE}/user", status, body, headers or {}),)


def repository(status: int, body: Any, base: str = BASE) -> tuple[Reply, ...]:
    return (
        Reply("GET", f"{base}/user", 200, USER, {"X-OAuth-Scopes": "repo, admin:repo_hook"}),
        Reply("GET", f"{base}/repos/octo-org/hello-world", status, body),
    )


CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=ON_GITHUB,
        replies=repository(200, {"full_name": "octo-org/hello-world", "private": True}),
        identity="octocat",
        data={
            "login": "octocat",
            "type": "User",
            "scopes": ["repo", "admin:repo_hook"],
            "repository": "octo-org/hello-world",
        },
    ),
    Case(
        name="success on an Enterprise Server",
        result=Result.OK,
        replies=repository(200, {"full_name": "octo-org/hello-world"}, "https://github.example.com/api/v3"),
        identity="octocat",
    ),
    Case(
        name="success of an installation",
        result=Result.OK,
        values={**USER_ALONE, "token": "ghs_ExampleInstallationToken0123456789"},
        replies=(Reply("GET", f"{BASE}/rate_limit", 200, {"resources": {"core": {"limit": 5000}}}),),
        identity="App installation",
        data={},
    ),
    Case(
        name="wrong credentials",
        result=Result.BAD_CREDENTIALS,
        values=ON_GITHUB,
        replies=user(401, {"message": "Bad credentials", "status": "401"}),
    ),
    Case(
        name="missing permission",
        result=Result.MISSING_PERMISSION,
        values=ON_GITHUB,
        replies=user(
            403,
            {"message": "Resource not accessible by personal access token"},
            {"X-Accepted-GitHub-Permissions": "profile=read", "X-RateLimit-Remaining": "4999"},
        ),
        says="profile=read",
    ),
    Case(
        name="private repository",
        result=Result.MISSING_PERMISSION,
        values=ON_GITHUB,
        replies=repository(404, {"message": "Not Found"}),
        says="may not see",
    ),
    Case(
        name="rate limit",
        result=Result.RATE_LIMITED,
        values=USER_ALONE,
        replies=user(
            403, {"message": "API rate limit exceeded"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
        ),
        retry_after=0.0,
    ),
    Case(
        name="secondary rate limit",
        result=Result.RATE_LIMITED,
        values=USER_ALONE,
        replies=user(403, {"message": "You have exceeded a secondary rate limit", "documentation_url": DOCUMENTED}),
        retry_after=60.0,
    ),
    Case(
        name="rate limit with a time",
        result=Result.RATE_LIMITED,
        values=USER_ALONE,
        replies=user(429, {"message": "Slow down"}, {"Retry-After": "30"}),
        retry_after=30.0,
    ),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=USER_ALONE, replies=user(502, {"message": "Server Error"})),
    Case(name="nonsense", result=Result.WRONG_HOST, values=USER_ALONE, replies=user(200, HTML), says="web page"),
    Case(name="another API", result=Result.WRONG_HOST, values=USER_ALONE, replies=user(200, {"user": "ada"})),
]
CANNOT_HAPPEN: Final = {
    "ended credentials": ("A token that has ended is answered like a wrong one: 401, “Bad credentials”."),
}
