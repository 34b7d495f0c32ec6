"""The whole life of a Chatwoot integration over the API, at a real little server, with each kind of credentials."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.models import ActivityLog, Integration, Membership, ProviderActionState, Role, Tenant
from tests.chatwoot_server import ACCOUNT, BOT_SECRET, INBOX_SECRET, TOKEN, ChatwootServer
from tests.integrations.people import client_of, join

V1 = "/api/v1"
WANTED = {
    "name": "Support",
    "webhook_url": "https://hooks.example.com/inbox",
    "outgoing_url": "https://hooks.example.com/bot",
}
WHOLE = (["Support"], ["Support"], [("Support", "Support")])
NOTHING: tuple[list[str], list[str], list[tuple[str, str]]] = ([], [], [])

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(tenant: Tenant) -> Membership:
    return join(tenant, "mia", Role.MEMBER)


@pytest.fixture
def as_mia(mia: Membership) -> APIClient:
    return client_of(mia.user)


@pytest.fixture
def as_noah(tenant: Tenant) -> APIClient:
    return client_of(join(tenant, "noah", Role.MEMBER).user)


@pytest.fixture
def environment(chatwoot: ChatwootServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATWOOT_BASE_URL", chatwoot.url)
    monkeypatch.setenv("CHATWOOT_ACCOUNT_ID", str(ACCOUNT))
    monkeypatch.setenv("CHATWOOT_API_KEY", TOKEN)


def did(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    for secret in (TOKEN, BOT_SECRET, INBOX_SECRET):
        assert secret not in answer.content.decode()
    return answer.json() if answer.content else {}


def test_a_members_own_from_adding_to_deleting(
    as_mia: APIClient, as_noah: APIClient, mia: Membership, chatwoot: ChatwootServer
) -> None:
    body = {"provider": "chatwoot", **chatwoot.values}
    assert did(as_mia.post(f"{V1}/integrations/test", body))["identity"] == "Ada in Acme"  # tested before it is saved
    added = did(as_mia.post(f"{V1}/integrations", {**body, "owner": "me"}), 201)
    own, actions = f"{V1}/integrations/{added['id']}", f"{V1}/integrations/{added['id']}/actions"
    assert added["capabilities"] == dict.fromkeys(
        ("provision", "deprovision", "create_inbox", "create_agent_bot", "assign_agent_bot", "send_message"), True
    )
    assert did(as_mia.post(f"{own}/test"))["success"] is True
    assert [each["enabled"] for each in did(as_mia.get(actions))["actions"]] == [True] * 6

    provisioned = did(as_mia.post(f"{actions}/provision", WANTED))
    ids = {"account_id": ACCOUNT, "inbox_id": 1, "agent_bot_id": 2}
    assert provisioned == {
        "source": "user",
        "provider": "chatwoot",
        "integration": added["id"],
        "action": "provision",
        "answer": {**ids, "made": ["inbox", "agent_bot", "assignment"]},
    }
    assert did(as_mia.post(f"{actions}/provision", WANTED))["answer"] == {**ids, "made": []}
    assert chatwoot.whole() == WHOLE

    edited = did(as_mia.patch(own, {"name": "Help desk", "capabilities": {"deprovision": False}}))
    assert (edited["name"], edited["capabilities"]["deprovision"]) == ("Help desk", False)
    refused = did(as_mia.post(f"{actions}/deprovision", {"name": "Support"}), 409)
    assert refused["detail"] == (
        "deprovision is switched off for Help desk: set capabilities.deprovision to true to use it."
    )
    assert did(as_mia.post(f"{own}/test", {"force": True}))["success"] is True

    did(as_mia.post(f"{own}/deactivate"))
    assert [each["enabled"] for each in did(as_mia.get(actions))["actions"]] == [False] * 6
    chatwoot.forget_requests()
    off = did(as_mia.post(f"{actions}/provision", WANTED), 409)
    assert off["detail"] == "Help desk is switched off: activate the integration."
    assert chatwoot.requests == []
    assert did(as_mia.post(f"{own}/test", {"force": True}))["success"] is True  # testing stays possible

    did(as_mia.post(f"{own}/activate"))
    did(as_mia.patch(own, {"capabilities": {"deprovision": True}}))
    assert did(as_mia.post(f"{actions}/provision", WANTED))["answer"] == {**ids, "made": []}
    removed = did(as_mia.post(f"{actions}/deprovision", {"name": "Support"}))["answer"]
    assert removed == {**ids, "removed": ["assignment", "agent_bot", "inbox"]}
    assert chatwoot.whole() == NOTHING

    did(as_mia.post(f"{actions}/provision", WANTED))
    did(as_mia.delete(own), 204)
    assert did(as_mia.get(actions), 404)
    assert not ProviderActionState.objects.exists()
    runs = ActivityLog.objects.filter(verb="integration.action_run", actor_name="mia").order_by("id")
    assert [run.detail for run in runs] == ["provision: ok"] * 3 + ["deprovision: ok", "provision: ok"]
    assert "hooks.example.com" not in str(list(ActivityLog.objects.values()))


def test_with_the_platforms_environment_only(as_mia: APIClient, chatwoot: ChatwootServer, environment: None) -> None:
    actions = f"{V1}/providers/chatwoot/actions"
    listed = did(as_mia.get(actions))
    assert (listed["source"], listed["integration"], len(listed["actions"])) == ("environment", None, 6)

    provisioned = did(as_mia.post(f"{actions}/provision", WANTED))

    assert (provisioned["source"], provisioned["integration"]) == ("environment", None)
    assert did(as_mia.post(f"{actions}/provision", WANTED))["answer"]["made"] == []
    assert chatwoot.whole() == WHOLE
    assert did(as_mia.post(f"{actions}/assign_agent_bot", {"inbox_id": 99, "agent_bot_id": 2}), 422)["errors"] == {
        "inbox_id": ["Not found: with the platform's own credentials only what you made with them can be used."]
    }
    did(as_mia.post(f"{actions}/deprovision", {"name": "Support"}))
    assert chatwoot.whole() == NOTHING
    assert not Integration.objects.exists()


def test_with_both_the_members_own_wins_then_the_tenants(
    tenant: Tenant, as_mia: APIClient, as_noah: APIClient, api: APIClient, chatwoot: ChatwootServer, environment: None
) -> None:
    actions = f"{V1}/providers/chatwoot/actions"
    with ChatwootServer() as of_mia, ChatwootServer() as of_tenant:
        shared = f"/api/platform/tenants/{tenant.slug}/integrations/items"
        map_of_slots = f"/api/platform/tenants/{tenant.slug}/integrations/chatwoot"
        did(api.put(map_of_slots, {"provider": "chatwoot", **of_tenant.values}), 201)
        own = did(as_mia.post(f"{V1}/integrations", {"provider": "chatwoot", "owner": "me", **of_mia.values}), 201)

        assert did(as_mia.post(f"{actions}/provision", WANTED))["source"] == "user"
        assert (of_mia.whole(), of_tenant.whole(), chatwoot.whole()) == (WHOLE, NOTHING, NOTHING)
        assert did(as_noah.post(f"{actions}/provision", WANTED))["source"] == "tenant"
        assert (of_tenant.whole(), chatwoot.whole()) == (WHOLE, NOTHING)

        # Switched off for the member's own, it is not done with other credentials instead.
        did(as_mia.patch(f"{V1}/integrations/{own['id']}", {"capabilities": {"provision": False}}))
        did(as_mia.post(f"{actions}/provision", WANTED), 409)
        did(as_mia.post(f"{V1}/integrations/{own['id']}/deactivate"))
        assert did(as_mia.get(actions))["source"] == "tenant"

        # A platform admin acts for the tenant, with its credentials and with a member's.
        platform = f"/api/platform/tenants/{tenant.slug}/providers/chatwoot/actions"
        assert did(api.post(f"{platform}/provision", WANTED))["source"] == "tenant"
        did(api.post(f"{shared}/{own['id']}/activate"))
        removed = did(api.post(f"{shared}/{own['id']}/actions/deprovision", {"name": "Support"}))
        assert (removed["source"], of_mia.whole()) == ("user", NOTHING)
        assert did(api.get(f"{shared}/{own['id']}/actions"))["source"] == "user"


def test_another_member_finds_nothing_and_changes_nothing(
    tenant: Tenant, as_mia: APIClient, as_noah: APIClient, chatwoot: ChatwootServer, make_key: Any, api_with: Any
) -> None:
    own = did(as_mia.post(f"{V1}/integrations", {"provider": "chatwoot", "owner": "me", **chatwoot.values}), 201)
    actions = f"{V1}/integrations/{own['id']}/actions"
    did(as_mia.post(f"{actions}/provision", WANTED))
    chatwoot.forget_requests()
    states, log = list(ProviderActionState.objects.values()), ActivityLog.objects.count()

    for stranger in (as_noah, api_with(make_key("integrations:use"))):
        did(stranger.get(actions), 404)
        did(stranger.post(f"{actions}/provision", WANTED), 404)
        did(stranger.post(f"{actions}/deprovision", {"name": "Support"}), 404)
        did(stranger.post(f"{V1}/providers/chatwoot/actions/provision", WANTED), 404)
    did(api_with(make_key("integrations:read")).post(f"{V1}/providers/chatwoot/actions/provision", WANTED), 403)
    did(as_mia.post(f"{actions}/provision", {**WANTED, "outgoing_url": "http://10.0.0.1/"}), 422)
    did(as_mia.post(f"{actions}/assign_agent_bot", {"inbox_id": "1/../2", "agent_bot_id": 0}), 422)

    assert chatwoot.requests == []
    assert list(ProviderActionState.objects.values()) == states
    # The keys that were made, and nothing else.
    assert ActivityLog.objects.exclude(verb="api_key.created").count() == log
    assert chatwoot.whole() == WHOLE
