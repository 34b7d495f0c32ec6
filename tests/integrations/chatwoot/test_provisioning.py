"""Provisioning at a real little server: whole, interrupted anywhere, repeated, changed, removed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, ProviderCallError
from integrations.models import Integration, ProviderActionLease, ProviderActionState, Tenant
from integrations.providers.client import ProviderClient
from integrations.services.integrations import change_integration
from integrations.services.provider_actions import run_provider_action
from integrations.services.tenants import create_tenant
from tests.chatwoot_server import ACCOUNT, TOKEN, ChatwootServer

Run = Callable[..., dict[str, object]]
WANTED = {
    "name": "Support",
    "webhook_url": "https://hooks.example.com/inbox",
    "bot_name": "Night shift",
    "bot_description": "Answers at night",
    "outgoing_url": "https://hooks.example.com/bot",
}
WHOLE = (["Support"], ["Night shift"], [("Support", "Night shift")])
REQUESTS = [
    "GET /inboxes",
    "POST /inboxes",
    "GET /agent_bots",
    "POST /agent_bots",
    "GET /inboxes/1/agent_bot",
    "POST /inboxes/1/set_agent_bot",
]
STEPS = range(1, len(REQUESTS) + 1)
REMOVALS = ["POST /inboxes/1/set_agent_bot", "DELETE /agent_bots/2", "DELETE /inboxes/1"]
NOTHING: tuple[list[str], list[str], list[tuple[str, str]]] = ([], [], [])

pytestmark = pytest.mark.django_db


class KilledError(BaseException):
    """The process ends here."""


def asked(chatwoot: ChatwootServer) -> list[str]:
    return [request.replace(f"/api/v1/accounts/{ACCOUNT}", "") for request in chatwoot.requests]


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int, *, after: bool) -> None:
    """Let the process end before or after the request of that number is made, without a chance to tidy up."""
    exchange, numbers = ProviderClient.exchange, iter(range(1, 100))

    def exchange_or_die(client: ProviderClient, *args: Any, **how: Any) -> Any:
        is_now = next(numbers) == step
        if is_now and not after:
            raise KilledError
        answer = exchange(client, *args, **how)
        if is_now:
            raise KilledError
        return answer

    monkeypatch.setattr(ProviderClient, "exchange", exchange_or_die)


def test_makes_inbox_bot_and_assignment(run: Run, chatwoot: ChatwootServer) -> None:
    answer = run("provision", **WANTED)

    assert answer == {
        "account_id": ACCOUNT,
        "inbox_id": 1,
        "agent_bot_id": 2,
        "made": ["inbox", "agent_bot", "assignment"],
    }
    assert asked(chatwoot) == REQUESTS
    assert chatwoot.whole() == WHOLE
    assert chatwoot.state.inboxes[1]["webhook_url"] == WANTED["webhook_url"]
    assert chatwoot.state.bots[2]["outgoing_url"] == WANTED["outgoing_url"]
    assert chatwoot.state.bots[2]["description"] == WANTED["bot_description"]


def test_repeated_it_makes_nothing(run: Run, chatwoot: ChatwootServer) -> None:
    run("provision", **WANTED)
    chatwoot.forget_requests()

    assert run("provision", **WANTED) == {"account_id": ACCOUNT, "inbox_id": 1, "agent_bot_id": 2, "made": []}

    assert asked(chatwoot) == ["GET /inboxes/1", "GET /agent_bots/2", "GET /inboxes/1/agent_bot"]


@pytest.mark.parametrize("step", STEPS)
def test_lost_answer_is_made_good_by_running_it_again(run: Run, chatwoot: ChatwootServer, step: int) -> None:
    chatwoot.lose_answer_of = step
    with pytest.raises(ProviderCallError) as caught:
        run("provision", **WANTED)
    assert caught.value.result == "network"
    chatwoot.forget_requests()

    run("provision", **WANTED)

    assert chatwoot.whole() == WHOLE
    assert chatwoot.state.made == {"inboxes": 1, "bots": 1, "assignments": 1}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_is_resumed(
    run: Run, chatwoot: ChatwootServer, step: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill_at(patch, step, after=after)
        patch.setattr("integrations.services.action_records.ProviderActionLease.objects", None)  # nobody gives it back
        with pytest.raises((KilledError, AttributeError)):
            run("provision", **WANTED)
    with pytest.raises(ConflictError, match="is running at this moment"):
        run("provision", **WANTED)
    ProviderActionLease.objects.update(until=timezone.now() - timedelta(seconds=1))

    run("provision", **WANTED)

    assert chatwoot.whole() == WHOLE
    assert chatwoot.state.made == {"inboxes": 1, "bots": 1, "assignments": 1}


@pytest.mark.parametrize("step", STEPS)
def test_half_of_it_is_removed_as_well(run: Run, chatwoot: ChatwootServer, step: int) -> None:
    chatwoot.lose_answer_of = step
    with pytest.raises(ProviderCallError):
        run("provision", **WANTED)
    chatwoot.forget_requests()

    run("deprovision", name="Support")

    assert chatwoot.whole() == NOTHING
    assert not ProviderActionState.objects.exists()


def test_removes_what_it_made_and_nothing_else(run: Run, chatwoot: ChatwootServer) -> None:
    run("provision", **WANTED)
    run("create_inbox", name="Support")
    chatwoot.forget_requests()

    assert run("deprovision", name="Support") == {
        "account_id": ACCOUNT,
        "inbox_id": 1,
        "agent_bot_id": 2,
        "removed": ["assignment", "agent_bot", "inbox"],
    }

    assert asked(chatwoot) == REMOVALS
    assert chatwoot.whole() == (["Support"], [], [])
    again: dict[str, object] = {"account_id": ACCOUNT, "inbox_id": None, "agent_bot_id": None, "removed": []}
    assert run("deprovision", name="Support") == again
    assert asked(chatwoot) == REMOVALS


@pytest.mark.parametrize("step", range(1, len(REMOVALS) + 1))
def test_removing_is_resumed(run: Run, chatwoot: ChatwootServer, step: int) -> None:
    run("provision", **WANTED)
    chatwoot.forget_requests()
    chatwoot.lose_answer_of = step
    with pytest.raises(ProviderCallError):
        run("deprovision", name="Support")
    chatwoot.forget_requests()

    run("deprovision", name="Support")

    assert chatwoot.whole() == NOTHING
    assert not ProviderActionState.objects.exists()


@pytest.mark.parametrize("gone", ["inboxes", "bots"])
def test_what_somebody_deleted_is_made_anew(run: Run, chatwoot: ChatwootServer, gone: str) -> None:
    run("provision", **WANTED)
    getattr(chatwoot.state, gone).clear()
    chatwoot.state.assigned.clear()

    answer = run("provision", **WANTED)

    assert answer["made"] == [{"inboxes": "inbox", "bots": "agent_bot"}[gone], "assignment"]
    assert chatwoot.whole() == WHOLE


def test_takes_nothing_over_that_somebody_else_made_under_the_same_name(run: Run, chatwoot: ChatwootServer) -> None:
    run("create_inbox", name="Support", webhook_url=WANTED["webhook_url"])
    assert run("provision", **WANTED)["inbox_id"] == 2
    assert run("deprovision", name="Support")["removed"] == ["assignment", "agent_bot", "inbox"]
    assert list(chatwoot.state.inboxes) == [1]


def test_other_addresses_change_what_is_there(run: Run, chatwoot: ChatwootServer) -> None:
    run("provision", **WANTED)
    other = {**WANTED, "webhook_url": "https://new.example.com/inbox", "outgoing_url": "https://new.example.com/bot"}

    assert run("provision", **other) == {"account_id": ACCOUNT, "inbox_id": 1, "agent_bot_id": 2, "made": []}

    assert chatwoot.state.inboxes[1]["webhook_url"] == "https://new.example.com/inbox"
    assert chatwoot.state.bots[2]["outgoing_url"] == "https://new.example.com/bot"
    chatwoot.forget_requests()
    run("provision", **other)
    assert not [request for request in chatwoot.requests if not request.startswith("GET ")]


def test_address_that_changed_after_a_lost_answer_still_finds_what_was_made(run: Run, chatwoot: ChatwootServer) -> None:
    chatwoot.lose_answer_of = 2
    with pytest.raises(ProviderCallError):
        run("provision", **WANTED)
    chatwoot.forget_requests()
    run("provision", **{**WANTED, "webhook_url": "https://new.example.com/inbox"})
    assert chatwoot.state.made["inboxes"] == 1
    assert chatwoot.state.inboxes[1]["webhook_url"] == "https://new.example.com/inbox"


def test_refusal_leaves_nothing_to_look_for(run: Run, chatwoot: ChatwootServer) -> None:
    chatwoot.role = "agent"
    with pytest.raises(ProviderCallError) as caught:
        run("provision", **WANTED)
    assert caught.value.result == "missing_permission"
    chatwoot.role = "administrator"
    by_hand = run("create_inbox", name="Support", webhook_url=WANTED["webhook_url"])["inbox_id"]
    assert run("provision", **WANTED)["inbox_id"] != by_hand


def test_other_account_starts_anew(run: Run, stored: Integration, chatwoot: ChatwootServer) -> None:
    run("provision", **WANTED)
    with ChatwootServer() as other:
        moved = {"base_url": other.url, "api_access_token": TOKEN}
        change_integration(actor=Actor.system("test"), integration=stored, values=moved)
        assert run("provision", **WANTED)["made"] == ["inbox", "agent_bot", "assignment"]
        assert other.whole() == WHOLE
    change_integration(actor=Actor.system("test"), integration=stored, values={"base_url": chatwoot.url})
    assert run("provision", **WANTED)["made"] == []


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_refused_and_one_of_each_is_made(run: Run, chatwoot: ChatwootServer) -> None:
    is_asked, may_go_on = Event(), Event()

    def wait(request: str) -> None:
        is_asked.set()
        assert may_go_on.wait(10)

    chatwoot.before = wait

    def first() -> dict[str, object]:
        try:
            return run("provision", **WANTED)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first)
        assert is_asked.wait(10)
        for action in ("provision", "deprovision"):  # neither meets the other
            with pytest.raises(ConflictError, match="is running at this moment"):
                run(action, **(WANTED if action == "provision" else {"name": "Support"}))
        may_go_on.set()
        assert running.result(10)["made"] == ["inbox", "agent_bot", "assignment"]
    assert chatwoot.whole() == WHOLE


def test_tenants_that_share_the_platforms_account_touch_nothing_of_each_other(
    tenant: Tenant, chatwoot: ChatwootServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in chatwoot.values.items():
        monkeypatch.setenv(f"SIGNALBOX_CHATWOOT_{name.upper()}", value)
    other = create_tenant(actor=Actor.system("test"), name="Other", slug="other")

    def run_as(who: Tenant, action: str, **parameters: object) -> dict[str, object]:
        asked = {"provider": "chatwoot", "action": action, "parameters": parameters}
        return run_provider_action(actor=Actor.system("test"), tenant=who, **asked).answer  # type: ignore[arg-type]

    mine = run_as(tenant, "provision", **WANTED)
    theirs = run_as(other, "provision", **WANTED)
    assert mine["inbox_id"] != theirs["inbox_id"]
    conversation = {"id": 90, "inbox_id": mine["inbox_id"]}
    chatwoot.state.conversations[90] = conversation

    for refused, named in (
        (("assign_agent_bot", {"inbox_id": mine["inbox_id"], "agent_bot_id": theirs["agent_bot_id"]}), "inbox_id"),
        (("assign_agent_bot", {"inbox_id": theirs["inbox_id"], "agent_bot_id": mine["agent_bot_id"]}), "agent_bot_id"),
        (("send_message", {"conversation_id": 90, "content": "hello"}), "conversation_id"),
        (("send_message", {"contact_id": 7, "inbox_id": theirs["inbox_id"], "content": "hello"}), "contact_id"),
    ):
        with pytest.raises(ProviderCallError) as caught:
            run_as(other, refused[0], **refused[1])  # type: ignore[arg-type]
        assert (caught.value.result, list(caught.value.errors)) == ("refused", [named])
    assert chatwoot.state.messages == []
    assert run_as(tenant, "send_message", conversation_id=90, content="hello")["conversation_id"] == 90
    made = run_as(other, "create_inbox", name="Second")["inbox_id"]
    run_as(other, "assign_agent_bot", inbox_id=made, agent_bot_id=theirs["agent_bot_id"])
    assert run_as(other, "deprovision", name="Support")["removed"] == ["assignment", "agent_bot", "inbox"]
    assert mine["inbox_id"] in chatwoot.state.inboxes
