"""Hooks of a repository: made once whatever happens, brought up to date, deleted, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import responses

from integrations.providers.actions import ActionRefusedError, ReceiverPlace
from integrations.providers.outcome import ProviderError, Result
from tests.integrations.providers.action_running import run_action
from tests.integrations.providers.github_hooks import HOOKS, Hooks

GITHUB = {"token": "github_pat_Example0123456789", "repository_owner": "octo-org", "repository": "hello-world"}
RECEIVER = ReceiverPlace("receiver-1", "github", "https://signalbox.example.com/api/webhooks/in/1", "the-hook-secret")
OTHER = ReceiverPlace("receiver-2", "releases", "https://signalbox.example.com/api/webhooks/in/2", "another-secret")


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def hooks(api: responses.RequestsMock) -> Hooks:
    made = Hooks()
    made.register(api)
    return made


def run(action: str, **how: Any) -> Mapping[str, object]:
    parameters = how.pop("parameters", {})
    return run_action("github", f"{action}_repository_hook", GITHUB, parameters, **{"receivers": [RECEIVER], **how})


def test_makes_a_hook_that_signs(hooks: Hooks) -> None:
    state: dict[str, object] = {}
    answer = run("create", parameters={"events": "push pull_request"}, state=state)
    assert answer == {
        "hook_id": 100,
        "is_new": True,
        "events": ["pull_request", "push"],
        "receiver": "receiver-1",
        "repository": "octo-org/hello-world",
    }
    assert hooks.rows[100] == {
        "name": "web",
        "active": True,
        "events": ["pull_request", "push"],
        "config": {
            "url": RECEIVER.address,
            "content_type": "json",
            "secret": "the-hook-secret",
            "insecure_ssl": "0",
        },
    }
    assert list(state.values()) == [{"hook_id": 100, "repository": "octo-org/hello-world"}]
    assert "the-hook-secret" not in str(answer) + str(state) + repr(RECEIVER)


def test_second_run_finds_the_first_and_brings_it_up_to_date(hooks: Hooks) -> None:
    hooks.add("https://elsewhere.example.com/hook")
    run("create")
    hooks.rows[101]["active"] = False
    again = run("create", parameters={"events": "release"})
    assert (again["hook_id"], again["is_new"]) == (101, False)
    assert (hooks.rows[101]["active"], hooks.rows[101]["events"]) == (True, ["release"])
    assert len(hooks.rows) == 2


def test_answer_that_was_lost_makes_no_second_hook(hooks: Hooks) -> None:
    hooks.lose_next_answer = True
    with pytest.raises(ProviderError) as caught:
        run("create")
    assert caught.value.result is Result.PROVIDER_DOWN
    assert run("create")["is_new"] is False
    assert len(hooks.rows) == 1


def test_one_that_somebody_makes_meanwhile_is_found(hooks: Hooks, api: responses.RequestsMock) -> None:
    hooks.add(RECEIVER.address)
    listed, calls = hooks.listed, 0

    def empty_at_first(request: Any) -> tuple[int, dict[str, str], str]:
        nonlocal calls
        calls += 1
        return (200, {}, "[]") if calls == 1 else listed(request)

    api.reset()
    hooks.listed = empty_at_first  # type: ignore[method-assign]
    hooks.register(api)
    assert run("create")["hook_id"] == 100
    assert len(hooks.rows) == 1


def test_hook_on_a_later_page_is_found(hooks: Hooks) -> None:
    for number in range(100):
        hooks.add(f"https://elsewhere.example.com/{number}")
    wanted = hooks.add(RECEIVER.address)
    assert run("create")["hook_id"] == wanted
    assert hooks.asked == ["GET", "GET", "PATCH"]


@pytest.mark.parametrize(
    ("receivers", "wanted", "says"),
    [
        ([], {}, "There is no receiver of GitHub yet"),
        ([RECEIVER, OTHER], {}, "name one of github, releases"),
        ([RECEIVER], {"receiver": "releases"}, "There is no such receiver of GitHub"),
    ],
)
def test_receiver_must_be_certain(
    hooks: Hooks, receivers: list[ReceiverPlace], wanted: dict[str, str], says: str
) -> None:
    with pytest.raises(ActionRefusedError, match=says) as caught:
        run("create", receivers=receivers, parameters=wanted)
    assert caught.value.parameter == "receiver"
    assert hooks.asked == []


def test_receiver_is_named_by_name_or_id(hooks: Hooks) -> None:
    for wanted in ("releases", "receiver-2"):
        assert run("create", receivers=[RECEIVER, OTHER], parameters={"receiver": wanted})["receiver"] == "receiver-2"
    assert [row["config"]["url"] for row in hooks.rows.values()] == [OTHER.address]


def test_deletes_it_once_and_forgets_it(hooks: Hooks) -> None:
    state: dict[str, object] = {}
    elsewhere = hooks.add("https://elsewhere.example.com/hook")
    run("create", state=state)
    assert run("delete", state=state) == {"hook_id": 101, "was_there": True, "repository": "octo-org/hello-world"}
    assert state == {}
    assert list(hooks.rows) == [elsewhere]
    assert run("delete", state=state) == {"hook_id": None, "was_there": False, "repository": "octo-org/hello-world"}


def test_deletes_by_id_where_the_receiver_is_gone(hooks: Hooks) -> None:
    state: dict[str, object] = {}
    run("create", state=state)
    assert run("delete", receivers=[], parameters={"hook_id": 100}, state=state)["was_there"] is True
    assert state == {}
    assert run("delete", receivers=[], parameters={"hook_id": 100})["was_there"] is False


def test_platforms_token_deletes_only_what_it_made_for_this_tenant(hooks: Hooks) -> None:
    theirs = hooks.add("https://other-tenant.example.com/hook")
    state: dict[str, object] = {}
    with pytest.raises(ActionRefusedError, match="was not made from here"):
        run("delete", parameters={"hook_id": theirs}, state=state, is_shared=True)
    run("create", state=state, is_shared=True)
    assert run("delete", parameters={"hook_id": 101}, state=state, is_shared=True)["was_there"] is True
    assert list(hooks.rows) == [theirs]


def test_platforms_token_is_for_the_platforms_repository_alone(hooks: Hooks) -> None:
    with pytest.raises(ActionRefusedError, match="only its own repository is used"):
        run("create", parameters={"owner": "octo-org", "repository": "secrets"}, is_shared=True)
    assert hooks.asked == []


@pytest.mark.parametrize(
    ("status", "headers", "body", "result", "wait"),
    [
        (401, {}, {"message": "Bad credentials", "status": "401"}, Result.BAD_CREDENTIALS, None),
        (
            403,
            {"X-Accepted-GitHub-Permissions": "repository_hooks=write"},
            {"message": "Resource not accessible by personal access token"},
            Result.MISSING_PERMISSION,
            None,
        ),
        (404, {}, {"message": "Not Found", "status": "404"}, Result.MISSING_PERMISSION, None),
        (403, {"Retry-After": "60"}, {"message": "You have exceeded a secondary rate limit"}, Result.RATE_LIMITED, 60),
        (
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"},
            {"message": "API rate limit exceeded"},
            Result.RATE_LIMITED,
            0,
        ),
        (
            403,
            {},
            {"message": "slow down", "documentation_url": "https://docs.github.com/rest/rate-limits"},
            Result.RATE_LIMITED,
            60,
        ),
        (429, {}, {"message": "slow down"}, Result.RATE_LIMITED, 60),
        (503, {"Retry-After": "5"}, {"message": "down"}, Result.PROVIDER_DOWN, 5),
        (200, {}, {"message": "no list"}, Result.WRONG_HOST, None),
        (200, {"Content-Type": "text/html"}, "<html>log in</html>", Result.WRONG_HOST, None),
    ],
)
def test_refusals_limits_outages_and_nonsense(
    api: responses.RequestsMock, status: int, headers: dict[str, str], body: Any, result: Result, wait: float | None
) -> None:
    given = {"json": body} if not isinstance(body, str) else {"body": body, "content_type": headers.pop("Content-Type")}
    api.get(HOOKS, status=status, headers=headers, **given)
    for action in ("create", "delete"):
        with pytest.raises(ProviderError) as caught:
            run(action)
        assert (caught.value.result, caught.value.retry_after) == (result, wait)
        assert not isinstance(caught.value, ActionRefusedError)


def test_address_that_github_does_not_take_is_refused_in_its_words(hooks: Hooks, api: responses.RequestsMock) -> None:
    def refused(request: Any) -> tuple[int, dict[str, str], str]:
        return (
            422,
            {},
            '{"message": "Validation Failed", "errors": [{"resource": "Hook", "code": "custom", "message": "url is not supported because it isn\'t reachable over the public Internet (localhost)"}]}',
        )

    api.reset()
    hooks.made = refused  # type: ignore[method-assign]
    hooks.register(api)
    with pytest.raises(ActionRefusedError, match="reachable over the public Internet"):
        run("create")
