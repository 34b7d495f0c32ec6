"""Running actions: whose credentials, what is refused before any call, what is kept, and who waits for whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
import responses
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.errors import (
    ConflictError,
    InvalidInputError,
    LimitReachedError,
    NotFoundError,
    ProviderCallError,
)
from integrations.models import ActivityLog, Integration, ProviderActionLease, ProviderActionState, Tenant
from integrations.resolution import Source
from integrations.services import provider_actions
from integrations.services.action_records import LEASE, ActionPlace
from integrations.services.integration_items import add_integration
from integrations.services.integrations import change_integration, delete_integration
from integrations.services.provider_actions import ActionOutcome, run_integration_action, run_provider_action
from integrations.services.tenants import create_tenant
from tests.integrations.providers.acting import KEY, THINGS, use_acting_provider

ACTOR = Actor.system("test")


@pytest.fixture(autouse=True)
def _acting(monkeypatch: pytest.MonkeyPatch) -> None:
    use_acting_provider(monkeypatch)


@pytest.fixture
def provider_api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(THINGS, json={"id": 7, "said": f"your key is {KEY}"})
        mock.post(f"{THINGS}/say", json={})
        yield mock


@pytest.fixture
def stored(tenant: Tenant) -> Integration:
    return add(tenant)


def add(tenant: Tenant, **more: Any) -> Integration:
    return add_integration(actor=ACTOR, tenant=tenant, provider="acting", values={"api_key": KEY}, **more)


def run(integration: Integration, action: str = "make_thing", **parameters: Any) -> ActionOutcome:
    return run_integration_action(
        actor=ACTOR,
        tenant=integration.tenant,
        integration=integration,
        action=action,
        parameters=parameters or {"name": "Lamp"},
    )


def logged() -> list[tuple[str, str, str]]:
    rows = ActivityLog.objects.filter(verb__endswith=".action_run").order_by("id")
    return [(row.verb, row.object_name, row.detail) for row in rows]


def test_does_it_and_says_so(stored: Integration, provider_api: responses.RequestsMock) -> None:
    outcome = run(stored, name=" Lamp ", size=30, is_bright=True)

    assert (outcome.source, outcome.integration) == (Source.TENANT, stored)
    assert outcome.answer == {"thing_id": "7", "said": "your key is ***", "is_new": True, "shared": False}
    (asked,) = provider_api.calls
    assert json.loads(asked.request.body) == {"name": "Lamp", "size": "30", "is_bright": "true"}
    assert asked.request.headers["Authorization"] == f"Bearer {KEY}"
    assert logged() == [("integration.action_run", "Acting", "make_thing: ok")]
    assert "Lamp" not in str(ActivityLog.objects.values_list("detail", "changed_fields"))


def test_what_was_made_is_remembered_and_goes_with_the_integration(
    stored: Integration, provider_api: responses.RequestsMock
) -> None:
    run(stored)
    assert run(stored).answer == {"thing_id": "7", "is_new": False}
    assert len(provider_api.calls) == 1
    assert ProviderActionState.objects.values_list("name", "value").get() == ("thing", "7")

    delete_integration(actor=ACTOR, integration=stored)
    assert not ProviderActionState.objects.exists()


@pytest.mark.parametrize(
    ("parameters", "errors"),
    [
        ({"size": 3}, {"name": ["This field is required."]}),
        ({"name": "Lamp", "size": "large"}, {"size": ["A number of at most three digits."]}),
        ({"name": "Lamp", "is_bright": "perhaps"}, {"is_bright": ["Must be one of true, false."]}),
        ({"name": ["Lamp"]}, {"name": ["Must be a string."]}),
        (
            {"name": "L\x00mp"},
            {"name": ["Contains an invisible or control character: copy the value again without it."]},
        ),
        ({"name": "Lamp", "size": 1.5}, {"size": ["Must be a string."]}),
        ({"name": "Lamp", "colour": "red"}, {"colour": ["Unknown parameter. make_thing takes name, size, is_bright."]}),
    ],
)
def test_wrong_parameters_are_named_before_any_call(
    stored: Integration, provider_api: responses.RequestsMock, parameters: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        run(stored, **parameters)
    assert caught.value.errors == errors
    assert len(provider_api.calls) == 0
    assert logged() == []


def test_unknown_action_names_those_that_there_are(stored: Integration) -> None:
    with pytest.raises(NotFoundError, match=r"^Acting has no such action\. It has: make_thing, say\.$"):
        run(stored, "fly")


@pytest.mark.parametrize(
    ("reply", "result", "says", "retry_after"),
    [
        ({"status": 401, "json": {"error": "no"}}, "bad_credentials", "no", None),
        ({"status": 403, "json": {"error": "not yours"}}, "missing_permission", "not yours", None),
        ({"status": 429, "headers": {"Retry-After": "17"}}, "rate_limited", "Acting wants fewer requests", 17.0),
        ({"status": 429}, "rate_limited", "Acting wants fewer requests", None),
        ({"status": 503, "body": f"down {KEY}", "content_type": "text/plain"}, "provider_down", "down ***", None),
        ({"status": 200, "body": "<html>"}, "wrong_host", "a web page instead of JSON", None),
        ({"status": 422, "json": {"error": "taken"}}, "refused", "Acting refuses the name: taken.", None),
        ({"body": ConnectionResetError(104, "reset")}, "network", "", None),
    ],
)
def test_providers_failure_is_passed_on_in_its_words(
    stored: Integration,
    provider_api: responses.RequestsMock,
    reply: dict[str, Any],
    result: str,
    says: str,
    retry_after: float | None,
) -> None:
    provider_api.replace("POST", THINGS, **reply)
    with pytest.raises(ProviderCallError) as caught:
        run(stored)
    assert (caught.value.result, caught.value.retry_after) == (result, retry_after)
    assert says in caught.value.detail
    assert list(caught.value.errors) == (["name"] if result == "refused" else [])
    assert logged() == [("integration.action_run", "Acting", f"make_thing: {result}")]
    assert not ProviderActionState.objects.exists()
    assert not ProviderActionLease.objects.exists()


def test_what_is_switched_off_is_refused_before_any_call(
    stored: Integration, provider_api: responses.RequestsMock
) -> None:
    change_integration(actor=ACTOR, integration=stored, values={}, capabilities={"make_thing": False})
    with pytest.raises(ConflictError, match=r"make_thing is switched off for Acting: set capabilities\.make_thing"):
        run(stored)
    assert run(stored, "say", name="hello").answer == {}

    change_integration(actor=ACTOR, integration=stored, values={}, capabilities={"make_thing": True}, enabled=False)
    with pytest.raises(ConflictError, match="Acting is switched off: activate the integration"):
        run(stored, "say", name="hello")
    assert len(provider_api.calls) == 1


def test_switches_are_kept_one_by_one_and_recorded_by_their_name(stored: Integration) -> None:
    change_integration(actor=ACTOR, integration=stored, values={}, capabilities={"notify": False, "say": False})
    row = change_integration(actor=ACTOR, integration=stored, values={}, capabilities={"notify": True})
    assert row.disabled_capabilities == ["say"]
    assert row.version == 3
    assert ActivityLog.objects.filter(object_id=row.id).latest("id").changed_fields == ["capabilities"]
    change_integration(actor=ACTOR, integration=stored, values={}, name="Other")
    assert Integration.objects.get().disabled_capabilities == ["say"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"fly": False}, "fly cannot be switched. Acting has: notify, make_thing, say."),
        ({"test": False}, "test cannot be switched. Acting has: notify, make_thing, say."),
        ({"say": "no"}, "say: must be true or false."),
        (["say"], "Must be an object of names and true or false."),
        (None, "Must be an object of names and true or false."),
    ],
)
def test_wrong_switches_are_named(stored: Integration, given: Any, reason: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        change_integration(actor=ACTOR, integration=stored, values={}, capabilities=given)
    assert caught.value.errors == {"capabilities": [reason]}


def test_platforms_own_credentials_are_used_where_there_are_no_others(
    tenant: Tenant, provider_api: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_tenant(actor=ACTOR, name="Other", slug="other")
    asked = {"actor": ACTOR, "provider": "acting", "action": "make_thing", "parameters": {"name": "Lamp"}}
    with pytest.raises(NotFoundError, match="Acting is not connected"):
        run_provider_action(tenant=tenant, **asked)
    monkeypatch.setenv("SIGNALBOX_ACTING_API_KEY", KEY)

    outcome = run_provider_action(tenant=tenant, **asked)

    assert (outcome.source, outcome.integration) == (Source.ENVIRONMENT, None)
    assert outcome.answer["shared"] is True
    assert logged() == [("provider.action_run", "Acting", "make_thing with the platform's own credentials: ok")]
    # What one tenant did with them is nothing to another.
    assert run_provider_action(tenant=tenant, **asked).answer["is_new"] is False
    assert run_provider_action(tenant=other, **asked).answer["is_new"] is True
    own = add(tenant)
    assert run_provider_action(tenant=tenant, **asked).integration == own
    change_integration(actor=ACTOR, integration=own, values={}, capabilities={"make_thing": False})
    with pytest.raises(ConflictError, match="switched off"):
        run_provider_action(tenant=tenant, **asked)


def test_limit_of_runs(
    stored: Integration, provider_api: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_actions, "RUNS_PER_MINUTE", 2)
    run(stored, "say", name="a")
    run(stored, "say", name="b")
    with pytest.raises(LimitReachedError):
        run(stored, "say", name="c")
    assert len(provider_api.calls) == 2


@pytest.mark.django_db(transaction=True)
def test_second_of_two_runs_at_once_is_refused_and_nothing_doubles(
    stored: Integration, provider_api: responses.RequestsMock
) -> None:
    is_asked, may_answer = Event(), Event()

    def slow(request: Any) -> tuple[int, dict[str, str], str]:
        assert not connection.in_atomic_block
        is_asked.set()
        assert may_answer.wait(10)
        return 200, {}, '{"id": 8}'

    provider_api.remove("POST", THINGS)
    provider_api.add_callback("POST", THINGS, callback=slow, content_type="application/json")

    def first() -> ActionOutcome:
        try:
            return run(stored)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first)
        assert is_asked.wait(10)
        with pytest.raises(ConflictError, match="Make a thing of Acting is running at this moment") as caught:
            run(stored)
        assert caught.value.retry_after == 5
        assert run(stored, "say", name="meanwhile").answer == {}
        may_answer.set()
        assert running.result(10).answer["thing_id"] == "8"
    assert sorted(str(call.request.url) for call in provider_api.calls) == [THINGS, f"{THINGS}/say"]
    assert run(stored).answer["is_new"] is False


def test_lease_of_a_worker_that_died_runs_out(stored: Integration, provider_api: responses.RequestsMock) -> None:
    place = ActionPlace(stored.tenant_id, "acting", stored.id)
    dead = place.lease("make_thing", label="x")
    dead.__enter__()
    with pytest.raises(ConflictError):
        run(stored)

    ProviderActionLease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert run(stored).answer["is_new"] is True
    assert not ProviderActionLease.objects.exists()
    assert LEASE.total_seconds() > provider_actions.DEADLINE_SECONDS + 15


def test_late_worker_does_not_take_the_lease_of_its_successor(stored: Integration) -> None:
    place = ActionPlace(stored.tenant_id, "acting", stored.id)
    with place.lease("make_thing", label="x"):
        ProviderActionLease.objects.update(until=timezone.now() - timedelta(seconds=1))
        successor = place.lease("make_thing", label="x")
        successor.__enter__()
    with pytest.raises(ConflictError), place.lease("make_thing", label="x"):
        pass


def test_integration_that_is_gone_is_not_found(stored: Integration, provider_api: responses.RequestsMock) -> None:
    delete_integration(actor=ACTOR, integration=Integration.objects.get())
    with pytest.raises(NotFoundError):
        run(stored)
    assert len(provider_api.calls) == 0
