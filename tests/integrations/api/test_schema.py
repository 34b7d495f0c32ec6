"""The OpenAPI documents, one for each audience, and the pages that show them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from tests.api.operations import tenant_operations
from tests.integrations.api.test_permissions import platform_paths

METHODS = {"get", "post", "put", "patch", "delete"}
TENANT_SETTINGS = "integrations.api.documents.TENANT_DOCUMENT"


def written(folder: Path, custom_settings: str | None = None) -> Any:
    """Return the document as `manage.py spectacular` writes it; a warning fails."""
    path = folder / "schema.yaml"
    options: dict[str, Any] = {"custom_settings": custom_settings} if custom_settings else {}
    call_command("spectacular", file=str(path), validate=True, fail_on_warn=True, **options)
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return written(tmp_path_factory.mktemp("openapi"))


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return written(tmp_path_factory.mktemp("openapi"), TENANT_SETTINGS)


@pytest.fixture(params=["platform", "tenants"])
def document(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def operations_of(document: Any) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


@pytest.fixture
def operations(document: Any) -> dict[str, Any]:
    return operations_of(document)


def test_describes_every_platform_address(platform: Any) -> None:
    described = {re.sub(r"\{\w+\}", "{}", path) for path in platform["paths"]}
    uuid = r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

    assert {re.sub(uuid, "/{}", path) for path in platform_paths()} <= described
    assert not any(path.startswith("/api/v1/") for path in described)


def test_describes_every_operation_of_tenants_with_its_scope(tenants: Any) -> None:
    described = {
        re.sub(r"\{\w+\}", "{}", name): operation.get("x-required-scope")
        for name, operation in operations_of(tenants).items()
    }
    expected = {
        re.sub(r"<[^>]+>", "{}", f"{operation.method} {operation.route}"): sorted(operation.scopes)
        for operation in tenant_operations()
    }

    assert expected.items() <= described.items()
    assert all(name.split()[1].startswith("/api/v1/") for name in described)
    for name, operation in operations_of(tenants).items():
        scopes = operation["x-required-scope"]
        named = " or ".join(f"`{scope}`" for scope in scopes)
        assert operation["description"].endswith(f"Scope: {named}." if scopes else "Any valid credential."), name


def test_knows_how_platform_admins_authenticate(platform: Any) -> None:
    assert platform["components"]["securitySchemes"]["accessToken"]["scheme"] == "bearer"
    assert platform["components"]["securitySchemes"]["cookieAuth"]["name"] == "sessionid"
    assert operations_of(platform)["POST /api/auth/token"]["security"] == [{}]
    for name, operation in operations_of(platform).items():
        if " /api/platform/" in name:
            assert operation["security"] == [{"accessToken": []}, {"cookieAuth": []}], name


def test_knows_how_tenants_authenticate(tenants: Any) -> None:
    schemes = tenants["components"]["securitySchemes"]

    assert set(schemes) == {"apiKey", "accessToken"}
    assert {scheme["scheme"] for scheme in schemes.values()} == {"bearer"}
    assert "X-Signalbox-Tenant" in schemes["accessToken"]["description"]
    for name, operation in operations_of(tenants).items():
        assert {"apiKey": []} in operation["security"], name
        assert {"accessToken": []} in operation["security"], name


def test_says_of_every_operation_how_it_fails(document: Any, operations: dict[str, Any]) -> None:
    for name, operation in operations.items():
        answers = operation["responses"]
        if operation["security"] != [{}]:
            assert answers["401"] == {"$ref": "#/components/responses/Unauthorized"}, name
        if "requestBody" in operation:
            assert {"400", "415", "422"} <= set(answers), name
        if "{" in name:
            assert "404" in answers, name
        if " /api/v1/" in name:
            assert {"403", "429"} <= set(answers), name

    for answer in document["components"]["responses"].values():
        schema = answer["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}
    assert "errors" in document["components"]["schemas"]["Problem"]["properties"]


def test_says_why_tenants_are_refused(platform: Any, tenants: Any) -> None:
    forbidden = [document["components"]["responses"]["Forbidden"]["description"] for document in (platform, tenants)]

    assert forbidden == [
        "Not a platform admin, or one who may only read.",
        "The credential lacks the scope, or the tenant is inactive.",
    ]


# They make nothing: the second one asks again.
_CONNECTION_TESTS = ("/integrations/test", "/{slot}/test", "/{integration}/test")


def test_every_post_takes_an_idempotency_key(operations: dict[str, Any]) -> None:
    posts = {name: operation for name, operation in operations.items() if name.startswith("POST ")}
    without = [name for name, operation in posts.items() if "Idempotency-Key" not in headers_of(operation)]

    assert len(posts) >= 8
    others = ("/events/batch", "/webhooks/export", "/webhooks/import", "/oauth/{provider}/start", *_CONNECTION_TESTS)
    assert [name for name in without if " /api/auth/" not in name and not name.endswith(others)] == []
    for name, operation in posts.items():
        assert "409" in operation["responses"] or " /api/auth/" in name, name


def test_updates_of_webhooks_take_a_condition(operations: dict[str, Any]) -> None:
    updates = [name for name, operation in operations.items() if "If-Match" in headers_of(operation)]

    assert {name.split()[0] for name in updates if name.endswith("/webhooks/{webhook}")} == {"PUT", "PATCH", "DELETE"}
    assert all("412" in operations[name]["responses"] for name in updates)


def headers_of(operation: Any) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"}


def test_gives_every_operation_a_summary_and_an_example(operations: dict[str, Any]) -> None:
    for name, operation in operations.items():
        assert operation.get("summary"), name
        bodies = [operation.get("requestBody"), *operation["responses"].values()]
        described = [body["content"] for body in bodies if body and "content" in body]
        for content in (each["application/json"] for each in described if "application/json" in each):
            assert content.get("examples"), name


def test_names_no_operation_twice(operations: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations.values()]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(("path", "name"), [("/api/schema", "platform"), ("/api/v1/openapi.json", "tenants")])
def test_serves_the_document_to_everybody(path: str, name: str, client: Client, request: pytest.FixtureRequest) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert yaml.safe_load(response.content) == request.getfixturevalue(name)


def test_serves_json_to_who_asks_for_it(client: Client, platform: Any) -> None:
    assert client.get("/api/schema?format=json").json() == platform
    assert client.get("/api/schema", headers={"Accept": "application/json"}).json() == platform
    assert client.get("/api/v1/openapi.json")["Content-Type"] == "application/json"


def test_makes_each_document_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [client.get(path).content for path in ("/api/schema", "/api/v1/openapi.json")]
    monkeypatch.setattr("integrations.api.documents.SchemaGenerator", None)

    assert [client.get(path).content for path in ("/api/schema", "/api/v1/openapi.json")] == first


@pytest.mark.parametrize("path", ["/api/docs", "/api/v1/docs"])
def test_serves_a_page_that_the_content_security_policy_allows(path: str, client: Client) -> None:
    response = client.get(path)

    page = response.content.decode()
    assert response.status_code == 200
    assert "Content-Security-Policy" in response.headers
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert "style=" not in page
    assert not re.search(r"""(?:src|href)="(?:https?:)?//""", page)
    script = client.get(f"{path}?script=")
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert ("openapi.json" in script.content.decode()) == (path == "/api/v1/docs")
