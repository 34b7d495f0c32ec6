"""Actions over HTTP: how the provider's failures are answered, idempotency keys, and switches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import IdempotencyAnswer, Integration, Tenant
from integrations.services.integration_items import add_integration
from tests.integrations.providers.acting import KEY, THINGS, use_acting_provider

V1 = "/api/v1/integrations"
TenantAPI = Callable[..., APIClient]


@pytest.fixture(autouse=True)
def _acting(monkeypatch: pytest.MonkeyPatch) -> None:
    use_acting_provider(monkeypatch)


@pytest.fixture
def provider_api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(THINGS, json={"id": 7, "said": KEY})
        mock.post(f"{THINGS}/say", json={})
        yield mock


@pytest.fixture
def stored(tenant: Tenant) -> Integration:
    return add_integration(actor=Actor.system("test"), tenant=tenant, provider="acting", values={"api_key": KEY})


@pytest.fixture
def actions(stored: Integration) -> str:
    return f"{V1}/{stored.id}/actions"


def test_lists_what_a_form_needs(tenant_api: TenantAPI, actions: str, stored: Integration) -> None:
    found = tenant_api("integrations:read").get(actions).json()
    first, second = found.pop("actions")
    assert found == {"source": "tenant", "provider": "acting", "integration": str(stored.id)}
    assert [parameter["name"] for parameter in first.pop("parameters")] == ["name", "size", "is_bright"]
    assert first == {
        "name": "make_thing",
        "label": "Make a thing",
        "summary": "Makes a thing, once.",
        "repeatable": True,
        "answer": {"thing_id": "Its number.", "is_new": "Whether it was made now."},
        "enabled": True,
    }
    assert (second["repeatable"], second["parameters"][0]["required"]) == (False, True)


@pytest.mark.parametrize(
    ("reply", "status", "result", "retry_after"),
    [
        ({"status": 401, "json": {"error": "no"}}, 409, "bad_credentials", None),
        ({"status": 403, "json": {"error": "no"}}, 409, "missing_permission", None),
        ({"status": 404, "json": {"error": "no"}}, 409, "wrong_host", None),
        ({"status": 429, "headers": {"Retry-After": "16.2"}}, 502, "rate_limited", "17"),
        ({"status": 429}, 502, "rate_limited", None),
        ({"status": 503, "headers": {"Retry-After": "0"}}, 502, "provider_down", "1"),
        ({"status": 200, "body": "<html>sign in"}, 409, "wrong_host", None),
        ({"body": ConnectionResetError(104, "reset")}, 502, "network", None),
    ],
)
def test_providers_failure_is_a_problem(
    tenant_api: TenantAPI,
    actions: str,
    provider_api: responses.RequestsMock,
    reply: dict[str, Any],
    status: int,
    result: str,
    retry_after: str | None,
) -> None:
    provider_api.replace("POST", THINGS, **reply)
    answer = tenant_api("integrations:use").post(f"{actions}/make_thing", {"name": "Lamp"})
    assert (answer.status_code, answer.json()["result"]) == (status, result)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers.get("Retry-After") == retry_after
    assert "errors" not in answer.json()


def test_what_the_provider_refuses_names_the_parameter(
    tenant_api: TenantAPI, actions: str, provider_api: responses.RequestsMock
) -> None:
    provider_api.replace("POST", THINGS, status=422, json={"error": f"taken by {KEY}"})
    answer = tenant_api("integrations:use").post(f"{actions}/make_thing", {"name": "Lamp"})
    assert answer.status_code == 422
    assert answer.json()["result"] == "refused"
    assert answer.json()["errors"] == {"name": ["Acting refuses the name: taken by ***."]}
    assert answer.json()["detail"] == "Acting refuses the name: taken by ***."


def test_same_idempotency_key_brings_back_the_first_answer(
    tenant_api: TenantAPI, actions: str, provider_api: responses.RequestsMock
) -> None:
    client = tenant_api("integrations:use")
    first, again = (
        client.post(f"{actions}/make_thing", {"name": "Lamp"}, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert first.json()["answer"] == {"thing_id": "7", "said": "***", "is_new": True, "shared": False}
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert len(provider_api.calls) == 1
    assert KEY not in str(IdempotencyAnswer.objects.get().answer)
    assert client.post(f"{actions}/make_thing", {"name": "Other"}, headers={"Idempotency-Key": "k"}).status_code == 409


def test_answers_that_others_show_again_are_not_kept(tenant_api: TenantAPI, actions: str) -> None:
    headers = {"Idempotency-Key": "k"}
    client = tenant_api("integrations:write")
    assert client.post(f"{actions.removesuffix('/actions')}/deactivate", headers=headers).status_code == 200
    assert IdempotencyAnswer.objects.get().answer is None


def test_failed_run_leaves_its_key_free(
    tenant_api: TenantAPI, actions: str, provider_api: responses.RequestsMock
) -> None:
    provider_api.replace("POST", THINGS, status=503)
    client, headers = tenant_api("integrations:use"), {"Idempotency-Key": "k"}
    assert client.post(f"{actions}/make_thing", {"name": "Lamp"}, headers=headers).status_code == 502
    provider_api.replace("POST", THINGS, json={"id": 7})
    assert client.post(f"{actions}/make_thing", {"name": "Lamp"}, headers=headers).status_code == 200


def test_unknown_names_are_not_found(tenant_api: TenantAPI, actions: str) -> None:
    client = tenant_api("integrations:use")
    answer = client.post(f"{actions}/fly", {})
    assert (answer.status_code, answer.json()["detail"]) == (404, "Acting has no such action. It has: make_thing, say.")
    for path in ("telegraph/actions", "telegraph/actions/fly"):
        method = client.get if path.endswith("actions") else client.post
        answer = method(f"/api/v1/providers/{path}")
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such provider.")


def test_switches_are_shown_and_changed_one_by_one(tenant_api: TenantAPI, actions: str) -> None:
    client, item = tenant_api("integrations:write", "integrations:read"), actions.removesuffix("/actions")
    assert client.get(item).json()["capabilities"] == {"notify": True, "make_thing": True, "say": True}
    changed = client.patch(item, {"capabilities": {"say": False}}).json()
    assert changed["capabilities"] == {"notify": True, "make_thing": True, "say": False}
    assert [each["enabled"] for each in client.get(actions).json()["actions"]] == [True, False]
    kept = client.put(item, {"api_key": ""}).json()
    assert kept["capabilities"]["say"] is False
    wrong = client.patch(item, {"capabilities": {"fly": True, "say": True}})
    assert wrong.json()["errors"] == {"capabilities": ["fly cannot be switched. Acting has: notify, make_thing, say."]}
    assert client.get(item).json()["capabilities"]["say"] is False
