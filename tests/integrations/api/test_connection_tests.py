"""Connection tests over HTTP: before saving and of what is stored, for both audiences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Integration, Membership, Role, Tenant
from integrations.services.integration_items import add_integration
from tests.integrations.people import client_of, join

V1 = "/api/v1/integrations"
TOKEN = "EAATestAccessTokenForDocumentationOnly123456789"
WHATSAPP = {"provider": "whatsapp", "phone_number_id": "106540352242922", "access_token": TOKEN}
ANSWER = {"id": "106540352242922", "display_phone_number": "+1 650-555-1234", "verified_name": "Acme"}
GRAPH = re.compile(r"https://graph\.facebook\.com/v23\.0/106540352242922.*")
TenantAPI = Callable[..., APIClient]


@pytest.fixture(autouse=True)
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(GRAPH, json=ANSWER)
        yield mock


@pytest.fixture
def mia(tenant: Tenant) -> Membership:
    return join(tenant, "mia", Role.MEMBER)


def add(tenant: Tenant, owner: Membership | None = None) -> Integration:
    values = {name: value for name, value in WHATSAPP.items() if name != "provider"}
    return add_integration(actor=Actor.system("test"), tenant=tenant, provider="whatsapp", values=values, owner=owner)


def test_values_are_tested_before_they_are_saved(tenant_api: TenantAPI, api: APIClient, tenant: Tenant) -> None:
    for client, url in (
        (tenant_api("integrations:write"), f"{V1}/test"),
        (api, f"/api/platform/tenants/{tenant.slug}/integrations/test"),
    ):
        answer = client.post(url, {**WHATSAPP, "name": "Main number", "enabled": True})
        assert answer.status_code == 200
        body = answer.json()
        assert isinstance(body.pop("latency_ms"), int)
        assert body.pop("tested_at").endswith("Z")
        assert body == {
            "success": True,
            "result": "ok",
            "message": "Connected as Acme (+1 650-555-1234).",
            "data": {"display_phone_number": "+1 650-555-1234", "verified_name": "Acme"},
            "identity": "Acme (+1 650-555-1234)",
            "cached": False,
        }
    assert not Integration.objects.exists()


def test_blank_secret_is_that_of_the_named_integration(
    tenant_api: TenantAPI, tenant: Tenant, graph: responses.RequestsMock
) -> None:
    stored = add(tenant)
    body = {**WHATSAPP, "access_token": "", "integration": str(stored.id)}
    assert tenant_api("integrations:write").post(f"{V1}/test", body).json()["success"] is True
    assert graph.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"provider": None}, {"provider": ["This field is required."]}),
        ({"provider": "telegraph"}, {"provider": ["There is no such provider."]}),
        ({"access_token": ""}, {"access_token": ["This field is required."]}),
        ({"integration": "1"}, {"integration": ["Must be the id of an integration."]}),
        ({"integration": ["x"]}, {"integration": ["Must be the id of an integration."]}),
        (
            {"integration": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"},
            {"integration": ["There is no such integration."]},
        ),
    ],
)
def test_wrong_body_is_refused_by_field_and_nobody_is_asked(
    tenant_api: TenantAPI, graph: responses.RequestsMock, change: dict[str, Any], errors: Any
) -> None:
    answer = tenant_api("integrations:write").post(f"{V1}/test", {**WHATSAPP, **change})
    assert (answer.status_code, answer.json()["errors"]) == (422, errors)
    assert len(graph.calls) == 0


def test_stored_one_is_tested_cached_and_forced(tenant_api: TenantAPI, tenant: Tenant) -> None:
    client, stored = tenant_api("integrations:read", "integrations:write"), add(tenant)
    url = f"{V1}/{stored.id}/test"
    first = client.post(url).json()
    assert (first["success"], first["cached"]) == (True, False)
    again = client.post(url, {}).json()
    assert again == {**first, "cached": True}
    assert client.post(url, {"force": True}).json()["cached"] is False
    shown = client.get(f"{V1}/{stored.id}").json()
    assert (shown["health"], shown["test_result"], shown["expires_at"]) == ("ok", "ok", None)
    assert shown["tested_at"] is not None
    assert shown["secret_changed_at"] is not None
    refused = client.post(url, {"force": "maybe", "loudly": True})
    assert (refused.status_code, set(refused.json()["errors"])) == (422, {"force", "loudly"})


def test_platform_tests_by_id_and_by_slot(api: APIClient, tenant: Tenant) -> None:
    stored = add(tenant)
    url = f"/api/platform/tenants/{tenant.slug}/integrations"
    assert api.post(f"{url}/items/{stored.id}/test").json()["success"] is True
    assert api.post(f"{url}/whatsapp/test", {"force": True}).json()["cached"] is False
    assert api.post(f"{url}/n8n/test").status_code == 404
    assert api.post(f"{url}/telegraph/test").status_code == 404


def test_failure_is_an_answer_and_not_an_error(
    tenant_api: TenantAPI, tenant: Tenant, graph: responses.RequestsMock
) -> None:
    stored = add(tenant)
    error = {"error": {"code": 190, "message": f"Malformed access token {TOKEN}", "type": "OAuthException"}}
    graph.replace("GET", GRAPH, status=401, json=error)
    answer = tenant_api("integrations:write").post(f"{V1}/{stored.id}/test")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["success"], body["result"], body["identity"], body["data"]) == (False, "bad_credentials", "", {})
    assert body["message"] == (
        "Meta does not accept the access token. Meta says: Malformed access token *** (code 190)."
    )


def test_rights_are_those_of_changing_it(tenant_api: TenantAPI, tenant: Tenant, mia: Membership) -> None:
    shared, own = add(tenant), add(tenant, mia)
    member = client_of(mia.user)
    assert member.post(f"{V1}/{own.id}/test").status_code == 200
    assert member.post(f"{V1}/{shared.id}/test").status_code == 403
    assert member.post(f"{V1}/test", {**WHATSAPP, "integration": str(shared.id)}).status_code == 403
    assert tenant_api("integrations:read").post(f"{V1}/{shared.id}/test").status_code == 403
    key = tenant_api("integrations:write")
    assert key.post(f"{V1}/{own.id}/test").status_code == 404
    assert key.post(f"{V1}/test", {**WHATSAPP, "integration": str(own.id)}).status_code == 422


def test_other_tenants_integrations_are_not_there(tenant_api: TenantAPI, tenant: Tenant, other_tenant: Tenant) -> None:
    theirs = add(other_tenant)
    client = tenant_api("integrations:write")
    assert client.post(f"{V1}/{theirs.id}/test").status_code == 404
    assert client.post(f"{V1}/test", {**WHATSAPP, "integration": str(theirs.id)}).status_code == 422
