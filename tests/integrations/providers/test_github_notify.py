"""Issues, comments and events on GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import responses

from integrations.providers.actions import ActionRefusedError
from integrations.providers.outcome import ProviderError, Result
from tests.integrations.providers.action_running import run_action

REPOSITORY = "https://api.github.com/repos/octo-org/hello-world"
ISSUES, DISPATCHES = f"{REPOSITORY}/issues", f"{REPOSITORY}/dispatches"
COMMENTS = f"{ISSUES}/1347/comments"
GITHUB = {"token": "github_pat_Example0123456789", "repository_owner": "octo-org", "repository": "hello-world"}
ISSUE = {"id": 1, "number": 1347, "html_url": "https://github.com/octo-org/hello-world/issues/1347", "title": "x"}
COMMENT = {"id": 42, "html_url": "https://github.com/octo-org/hello-world/issues/1347#issuecomment-42"}


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def notify(values: Mapping[str, str] = GITHUB, **parameters: Any) -> Mapping[str, object]:
    return run_action("github", "notify", values, {"text": "The import failed.\n\n3 rows.", **parameters})


def sent(api: responses.RequestsMock) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(api.calls[-1].request.body)
    return found


def test_opens_an_issue_with_the_first_line_as_its_title(api: responses.RequestsMock) -> None:
    api.post(ISSUES, json=ISSUE, status=201)
    assert notify() == {
        "issue": 1347,
        "comment_id": None,
        "url": "https://github.com/octo-org/hello-world/issues/1347",
        "repository": "octo-org/hello-world",
    }
    assert sent(api) == {"title": "The import failed.", "body": "The import failed.\n\n3 rows."}
    request = api.calls[0].request
    assert request.headers["Authorization"] == "Bearer github_pat_Example0123456789"
    assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"


@pytest.mark.parametrize(("given", "title"), [({"title": "Mine"}, "Mine"), ({"text": "x" * 300}, "x" * 255 + "…")])
def test_title_is_the_given_one_and_never_too_long(
    api: responses.RequestsMock, given: dict[str, str], title: str
) -> None:
    api.post(ISSUES, json=ISSUE, status=201)
    notify(**given)
    assert sent(api)["title"] == title


def test_comments_on_an_issue(api: responses.RequestsMock) -> None:
    api.post(COMMENTS, json=COMMENT, status=201)
    answer = notify(issue=1347, text="Again.")
    assert (answer["issue"], answer["comment_id"]) == (1347, 42)
    assert sent(api) == {"body": "Again."}


def test_other_repository_and_enterprise_server(api: responses.RequestsMock) -> None:
    base = "https://github.example.com/api/v3"
    api.post(f"{base}/repos/ada/engine/issues", json=ISSUE, status=201)
    answer = notify({"token": "a-token", "base_url": base}, owner="ada", repository="engine")
    assert answer["repository"] == "ada/engine"


@pytest.mark.parametrize(
    ("values", "how", "says"),
    [
        ({"token": "a-token"}, {}, "Say which repository"),
        (GITHUB, {"is_shared": True, "parameters": {"owner": "ada", "repository": "x"}}, "only its own repository"),
    ],
)
def test_repository_must_be_certain(values: dict[str, str], how: dict[str, Any], says: str) -> None:
    parameters = {"text": "x", **how.pop("parameters", {})}
    with pytest.raises(ActionRefusedError, match=says) as caught:
        run_action("github", "notify", values, parameters, **how)
    assert caught.value.parameter == "repository"


def test_without_a_token_it_says_so() -> None:
    with pytest.raises(ProviderError, match="is not connected yet") as caught:
        notify({"repository_owner": "octo-org", "repository": "hello-world"})
    assert caught.value.result is Result.BAD_CREDENTIALS


@pytest.mark.parametrize(
    ("status", "headers", "body", "result", "wait"),
    [
        (401, {}, {"message": "Bad credentials"}, Result.BAD_CREDENTIALS, None),
        (403, {}, {"message": "Resource not accessible"}, Result.MISSING_PERMISSION, None),
        (404, {}, {"message": "Not Found"}, Result.MISSING_PERMISSION, None),
        (403, {"Retry-After": "7"}, {"message": "secondary rate limit"}, Result.RATE_LIMITED, 7),
        (429, {}, {"message": "secondary rate limit"}, Result.RATE_LIMITED, 60),
        (502, {}, "bad gateway", Result.PROVIDER_DOWN, None),
        (201, {}, "<!DOCTYPE html><html></html>", Result.WRONG_HOST, None),
        (201, {}, '{"number": 13', Result.WRONG_HOST, None),
        (201, {}, {"title": "no number"}, Result.WRONG_HOST, None),
    ],
)
@pytest.mark.parametrize("url", [ISSUES, COMMENTS])
def test_refusals_limits_outages_and_nonsense(
    api: responses.RequestsMock,
    url: str,
    status: int,
    headers: dict[str, str],
    body: Any,
    result: Result,
    wait: float | None,
) -> None:
    api.post(url, status=status, headers=headers, body=body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(ProviderError) as caught:
        notify(**({"issue": "1347"} if url == COMMENTS else {}))
    assert (caught.value.result, caught.value.retry_after) == (result, wait)
    assert not isinstance(caught.value, ActionRefusedError)


@pytest.mark.parametrize(
    ("status", "body", "parameter", "says"),
    [
        (
            422,
            {"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title", "code": "missing_field"}]},
            "title",
            "title missing_field",
        ),
        (410, {"message": "Issues has been disabled in this repository."}, "repository", "has been disabled"),
        (422, {"message": "Unprocessable", "errors": ["odd"]}, "", "Unprocessable"),
    ],
)  # fmt: skip
def test_what_github_does_not_take_is_named(
    api: responses.RequestsMock, status: int, body: dict[str, Any], parameter: str, says: str
) -> None:
    api.post(ISSUES, status=status, json=body)
    with pytest.raises(ActionRefusedError, match=says) as caught:
        notify()
    assert caught.value.parameter == parameter


def test_event_for_workflows(api: responses.RequestsMock) -> None:
    api.post(DISPATCHES, status=204)
    given = {"event_type": "import-failed", "client_payload": {"rows": 120}}
    assert run_action("github", "dispatch_event", GITHUB, given) == {"repository": "octo-org/hello-world"}
    assert sent(api) == given
    api.post(DISPATCHES, status=204)
    run_action("github", "dispatch_event", GITHUB, {"event_type": "x"})
    assert sent(api) == {"event_type": "x"}


@pytest.mark.parametrize("payload", [[1], {str(number): 1 for number in range(11)}])
def test_payload_of_another_shape_is_refused_before_any_call(payload: Any) -> None:
    with pytest.raises(ActionRefusedError, match="an object of at most 10 names") as caught:
        run_action("github", "dispatch_event", GITHUB, {"event_type": "x", "client_payload": payload})
    assert caught.value.parameter == "client_payload"


def test_event_that_is_not_taken(api: responses.RequestsMock) -> None:
    api.post(DISPATCHES, status=200, body="<html></html>", content_type="text/html")
    with pytest.raises(ProviderError, match="a web page instead"):
        run_action("github", "dispatch_event", GITHUB, {"event_type": "x"})
