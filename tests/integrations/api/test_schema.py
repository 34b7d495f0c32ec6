"""The OpenAPI document, and the page that shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from tests.integrations.api.test_permissions import platform_paths

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the document as `manage.py spectacular` writes it; a warning fails."""
    path: Path = tmp_path_factory.mktemp("openapi") / "schema.yaml"
    call_command("spectacular", file=str(path), validate=True, fail_on_warn=True)
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def operations(document: Any) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def test_describes_every_platform_address(document: Any) -> None:
    described = {re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]}
    uuid = r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

    assert {re.sub(uuid, "/{}", path) for path in platform_paths()} <= described


def test_knows_how_to_authenticate(document: Any, operations: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["accessToken"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["cookieAuth"]["name"] == "sessionid"
    assert operations["POST /api/auth/token"]["security"] == [{}]
    platform = {name: operation for name, operation in operations.items() if " /api/platform/" in name}
    for name, operation in platform.items():
        assert operation["security"] == [{"accessToken": []}, {"cookieAuth": []}], name


def test_says_of_every_operation_how_it_fails(document: Any, operations: dict[str, Any]) -> None:
    for name, operation in operations.items():
        answers = operation["responses"]
        assert answers["401"] == {"$ref": "#/components/responses/Unauthorized"}, name
        if "requestBody" in operation:
            assert {"400", "415", "422"} <= set(answers), name
        if "{" in name:
            assert "404" in answers, name

    for answer in document["components"]["responses"].values():
        schema = answer["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}
    assert "errors" in document["components"]["schemas"]["Problem"]["properties"]


def test_gives_every_operation_a_summary_and_an_example(operations: dict[str, Any]) -> None:
    for name, operation in operations.items():
        assert operation.get("summary"), name
        bodies = [operation.get("requestBody"), *operation["responses"].values()]
        for content in (body["content"]["application/json"] for body in bodies if "application/json" in str(body)):
            assert content.get("examples"), name


def test_names_no_operation_twice(operations: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations.values()]

    assert len(names) == len(set(names))


def test_serves_the_document_to_everybody(client: Client) -> None:
    response = client.get("/api/schema")

    assert response.status_code == 200
    assert yaml.safe_load(response.content)["openapi"].startswith("3.")


def test_serves_a_page_that_the_content_security_policy_allows(client: Client) -> None:
    response = client.get("/api/docs")

    page = response.content.decode()
    assert response.status_code == 200
    assert "Content-Security-Policy" in response.headers
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert "style=" not in page
    assert not re.search(r"""(?:src|href)="(?:https?:)?//""", page)
    assert client.get("/api/docs?script=").headers["Content-Type"].startswith("application/javascript")
