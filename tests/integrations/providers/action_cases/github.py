"""Answers in the shape of GitHub's REST API."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.actions import ReceiverPlace
from tests.integrations.providers.action_cases.case import ActionCase
from tests.integrations.providers.connection_cases.case import HTML, Reply

CLOUD: Final = {"base_url": None}
REPOSITORY: Final = "https://api.github.com/repos/octo-org/hello-world"
HOOKS: Final = f"{REPOSITORY}/hooks?per_page=100&page=1"
RECEIVER: Final = ReceiverPlace("01938f6e", "github", "https://signalbox.example.com/api/webhooks/in/1", "hook-secret")
ISSUE: Final = {"id": 1, "number": 1347, "html_url": "https://github.com/octo-org/hello-world/issues/1347"}
HOOK: Final = {
    "type": "Repository",
    "id": 12345678,
    "name": "web",
    "active": True,
    "events": ["push"],
    "config": {"url": RECEIVER.address, "content_type": "json", "secret": "********", "insecure_ssl": "0"},
}
SENT_HOOK: Final = {
    "active": True,
    "events": ["push"],
    "config": {"url": RECEIVER.address, "content_type": "json", "secret": "hook-secret", "insecure_ssl": "0"},
}


def failures(action: str, method: str, url: str, **given: Any) -> list[ActionCase]:
    """Return what every action must stand, at its first request."""

    def case(name: str, result: str, status: int, body: Any, headers: Any = None, **expected: Any) -> ActionCase:
        return ActionCase(
            action=action,
            name=name,
            result=result,
            values=CLOUD,
            replies=(Reply(method, url, status, body, headers or {}),),
            **given,
            **expected,
        )

    needs = {"X-Accepted-GitHub-Permissions": "issues=write"}
    limit = {"message": "You have exceeded a secondary rate limit."}
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    return [
        case("wrong credentials", "bad_credentials", 401, {"message": "Bad credentials", "status": "401"}),
        case(
            "missing permission",
            "missing_permission",
            403,
            {"message": "Resource not accessible by personal access token"},
            needs,
            says="issues=write",
        ),
        case("hidden repository", "missing_permission", 404, {"message": "Not Found", "status": "404"}),
        case("rate limit", "rate_limited", 403, limit, {"Retry-After": "60"}, retry_after=60.0),
        case("primary limit", "rate_limited", 403, {"message": "API rate limit exceeded"}, used_up, retry_after=0.0),
        case("rate limit without a time", "rate_limited", 429, limit, retry_after=60.0),
        case("outage", "provider_down", 503, {"message": "down"}, {"Retry-After": "5"}, retry_after=5.0),
        case("nonsense", "wrong_host", 200, HTML, {"Content-Type": "text/html"}),
    ]


NOTICE: Final[dict[str, Any]] = {"parameters": {"text": "The import failed.\n3 rows."}}
EVENT: Final[dict[str, Any]] = {"parameters": {"event_type": "import-failed"}}
HOOKED: Final[dict[str, Any]] = {"receivers": (RECEIVER,)}

CASES: Final = [
    ActionCase(
        action="notify",
        name="success",
        result="ok",
        values=CLOUD,
        replies=(Reply("POST", f"{REPOSITORY}/issues", 201, ISSUE),),
        answer={"issue": 1347, "comment_id": None, "url": ISSUE["html_url"], "repository": "octo-org/hello-world"},
        sent=({"title": "The import failed.", "body": "The import failed.\n3 rows."},),
        **NOTICE,
    ),
    *failures("notify", "POST", f"{REPOSITORY}/issues", **NOTICE),
    ActionCase(
        action="notify",
        name="issues switched off",
        result="refused",
        values=CLOUD,
        replies=(Reply("POST", f"{REPOSITORY}/issues", 410, {"message": "Issues are disabled for this repo"}),),
        parameter="repository",
        **NOTICE,
    ),
    ActionCase(
        action="dispatch_event",
        name="success",
        result="ok",
        values=CLOUD,
        replies=(Reply("POST", f"{REPOSITORY}/dispatches", 204),),
        answer={"repository": "octo-org/hello-world"},
        sent=({"event_type": "import-failed"},),
        **EVENT,
    ),
    *failures("dispatch_event", "POST", f"{REPOSITORY}/dispatches", **EVENT),
    ActionCase(
        action="create_repository_hook",
        name="success",
        result="ok",
        values=CLOUD,
        replies=(Reply("GET", HOOKS, 200, []), Reply("POST", f"{REPOSITORY}/hooks", 201, HOOK)),
        answer={
            "hook_id": 12345678,
            "is_new": True,
            "events": ["push"],
            "receiver": RECEIVER.id,
            "repository": "octo-org/hello-world",
        },
        sent=({"name": "web", **SENT_HOOK},),
        **HOOKED,
    ),
    ActionCase(
        action="create_repository_hook",
        name="one that is there",
        result="ok",
        values=CLOUD,
        replies=(Reply("GET", HOOKS, 200, [HOOK]), Reply("PATCH", f"{REPOSITORY}/hooks/12345678", 200, HOOK)),
        answer={
            "hook_id": 12345678,
            "is_new": False,
            "events": ["push"],
            "receiver": RECEIVER.id,
            "repository": "octo-org/hello-world",
        },
        sent=(SENT_HOOK,),
        **HOOKED,
    ),
    *failures("create_repository_hook", "GET", HOOKS, **HOOKED),
    ActionCase(
        action="delete_repository_hook",
        name="success",
        result="ok",
        values=CLOUD,
        replies=(Reply("GET", HOOKS, 200, [HOOK]), Reply("DELETE", f"{REPOSITORY}/hooks/12345678", 204)),
        answer={"hook_id": 12345678, "was_there": True, "repository": "octo-org/hello-world"},
        **HOOKED,
    ),
    *failures("delete_repository_hook", "GET", HOOKS, **HOOKED),
]
