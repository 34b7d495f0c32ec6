"""What every answer below `/api/` says of storing it, and 304 for who knows it already."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.api.operations import Operation, tenant_operations
from webhooks.services.webhooks import create_webhook

UUID = "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"


@pytest.mark.parametrize("operation", tenant_operations(), ids=str)
def test_every_answer_to_a_tenant_has_the_headers(operation: Operation, tenant_api: Callable[..., APIClient]) -> None:
    path = operation.path(dict.fromkeys(operation.parameters, UUID))
    answer = tenant_api().generic(operation.method, path, "{}", content_type="application/json")
    if answer.streaming:
        answer.getvalue()  # to its end, as a server sends it

    assert answer["Cache-Control"] in {"private, no-cache", "no-store"}
    assert {"Authorization", "X-Signalbox-Tenant"} <= {name.strip() for name in answer["Vary"].split(",")}
    assert answer["RateLimit-Policy"].startswith('"key";q=1000;w=3600')
    assert answer["RateLimit"].startswith('"key";r=999;t=')
    assert answer["X-Request-ID"]


def test_answers_to_nobody_are_not_stored_by_others_either(anonymous_api: APIClient, db: None) -> None:
    answers = [anonymous_api.get("/api/v1/webhooks"), anonymous_api.get("/api/nothing"), anonymous_api.get("/api/v1/x")]

    assert [answer.status_code for answer in answers] == [401, 404, 404]
    assert [answer["Cache-Control"] for answer in answers] == ["private, no-cache"] * 3


def test_leaves_other_pages_alone(client: Client, db: None) -> None:
    assert "Vary" not in client.get("/healthz").headers
    assert "ETag" not in client.get("/healthz").headers


def test_answers_304_without_a_body_until_the_answer_changes(
    tenant: Tenant, admin_actor: Actor, tenant_api: Callable[..., APIClient]
) -> None:
    client = tenant_api()
    first = client.get("/api/v1/webhooks")
    again = client.get("/api/v1/webhooks", headers={"If-None-Match": first["ETag"]})
    create_webhook(actor=admin_actor, tenant=tenant, workflow_name="leads", url="https://hooks.example.com/in")
    changed = client.get("/api/v1/webhooks", headers={"If-None-Match": first["ETag"]})

    assert (first.status_code, again.status_code, changed.status_code) == (200, 304, 200)
    assert again.content == b""
    assert "Content-Type" not in again.headers
    assert again["ETag"] == first["ETag"] != changed["ETag"]
    assert again["Cache-Control"] == "private, no-cache"
    assert again["RateLimit"].startswith('"key";r=998')


@pytest.mark.parametrize("known", ["{etag}", "W/{etag}", '"other", {etag}', "*"])
def test_knows_an_etag_however_it_is_named(known: str, tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api()
    etag = client.get("/api/v1/webhooks")["ETag"]

    answer = client.get("/api/v1/webhooks", headers={"If-None-Match": known.format(etag=etag)})
    assert answer.status_code == 304


def test_another_tenants_etag_is_unknown(
    tenant: Tenant, other_tenant: Tenant, admin_actor: Actor, tenant_api: Callable[..., APIClient]
) -> None:
    create_webhook(actor=admin_actor, tenant=tenant, workflow_name="leads", url="https://hooks.example.com/in")
    etag = tenant_api().get("/api/v1/webhooks")["ETag"]

    answer = tenant_api(of=other_tenant).get("/api/v1/webhooks", headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer.json()["count"] == 0


def test_an_answer_that_shows_a_secret_is_never_stored_and_has_no_etag(
    tenant: Tenant, admin_actor: Actor, tenant_api: Callable[..., APIClient]
) -> None:
    create_webhook(actor=admin_actor, tenant=tenant, workflow_name="leads", url="https://hooks.example.com/in")
    answer = tenant_api().get("/api/v1/webhooks/leads/secret", headers={"If-None-Match": "*"})

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("path", ["/api/schema", "/api/v1/openapi.json"])
def test_documents_may_be_stored_by_everybody(path: str, client: Client) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first["ETag"]})

    assert first["Cache-Control"] == "public, max-age=300"
    assert "Authorization" not in first.get("Vary", "")
    assert (again.status_code, again.content) == (304, b"")
